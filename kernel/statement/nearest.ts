/** Names for error hints: which known names did the user probably mean. */

const suggestionsMax = 3;

/** @returns up to three of `known` whose spelling is nearest to `wanted`; none if all are far. */
export function nearestNames(wanted: string, known: Iterable<string>): string[] {
  const wantedFolded = wanted.toLowerCase();
  const farthest = Math.max(2, Math.floor(wantedFolded.length / 3));
  const scored: {name: string; distance: number}[] = [];
  for (const name of known) {
    const distance = editDistance(wantedFolded, name.toLowerCase(), farthest);
    if (distance <= farthest) scored.push({name, distance});
  }
  const least = Math.min(...scored.map((candidate) => candidate.distance));
  return scored.filter((candidate) => candidate.distance === least).map((candidate) => candidate.name).sort().slice(0, suggestionsMax);
}

/** @returns `did you mean "a" or "b"?`, or undefined when nothing is near. */
export function didYouMean(wanted: string, known: Iterable<string>): string | undefined {
  const names = nearestNames(wanted, known);
  return names.length === 0 ? undefined : `did you mean ${names.map((name) => `"${name}"`).join(' or ')}?`;
}

/** Edits (insert, delete, replace, swap of neighbours) from `a` to `b`; `limit` + 1 stands for more. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let twoBack: number[] = [], back = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = back[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replace, back[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, twoBack[j - 2]! + 1);
      row.push(best);
    }
    twoBack = back;
    back = row;
  }
  return back[b.length]!;
}

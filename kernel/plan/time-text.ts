/** Dates and timestamps between text and days or µs since 1970, for years 0001 to 9999 in UTC. Edge code: constants only. */

const msPerDay = 86_400_000;

/** @returns days since 1970 of `YYYY-MM-DD`, or undefined for any other spelling or a day that does not exist. */
export function parseDateDays(text: string): bigint | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (parts === null || parts[1] === '0000') return undefined;
  const ms = Date.parse(`${text}T00:00:00.000Z`);
  // Date.parse takes February 30 for March 2.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return BigInt(ms / msPerDay);
}

/** @returns µs since 1970 of `YYYY-MM-DD[ T]HH:MM:SS[.ffffff]`, or undefined for any other spelling. */
export function parseTimestampMicros(text: string): bigint | undefined {
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,6}))?)?$/.exec(text);
  if (parts === null) return undefined;
  const days = parseDateDays(parts[1]!);
  const [hours, minutes, seconds] = [Number(parts[2] ?? 0), Number(parts[3] ?? 0), Number(parts[4] ?? 0)];
  if (days === undefined || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return days * 86_400_000_000n + BigInt((hours * 60 + minutes) * 60 + seconds) * 1_000_000n + BigInt((parts[5] ?? '').padEnd(6, '0'));
}

/** @returns `YYYY-MM-DD`, or undefined outside the years 0001 … 9999. */
export function dateText(days: bigint): string | undefined {
  if (days < -719_162n || days > 2_932_896n) return undefined;
  return new Date(Number(days) * msPerDay).toISOString().slice(0, 10);
}

/** @returns `YYYY-MM-DD HH:MM:SS[.ffffff]`, or undefined outside the years 0001 … 9999. */
export function timestampText(micros: bigint): string | undefined {
  const ofDay = ((micros % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n;
  const day = dateText((micros - ofDay) / 86_400_000_000n);
  return day === undefined ? undefined : `${day} ${timeText(ofDay)}`;
}

/** @returns `HH:MM:SS[.ffffff]` of µs since midnight. */
export function timeText(micros: bigint): string {
  const seconds = Number(micros / 1_000_000n);
  const two = (value: number): string => String(value).padStart(2, '0');
  const fraction = micros % 1_000_000n === 0n ? '' : `.${String(micros % 1_000_000n).padStart(6, '0')}`;
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${fraction}`;
}

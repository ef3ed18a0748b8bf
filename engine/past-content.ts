/** Content of the past for readers of `query/`: the epoch is held while they read. */
import type {PastContent} from '../query/subscription.ts';
import type {Host} from './host.ts';

export function pastContent(host: Pick<Host, 'past' | 'cold'>): PastContent {
  return {
    holdOldest: () => host.past.holdOldest('moment'),
    read: async (tables, epoch, session, work) => {
      const release = await host.past.hold(epoch, 'moment');
      const bound: string[] = [];
      try {
        const sql: string[] = [];
        for (const table of tables) sql.push(await host.cold(table, epoch, session, bound));
        await work(sql);
      } finally {
        for (const name of bound) session.unbindRelation(name);
        release();
      }
    },
  };
}

import { ListSet } from '../../ipset/list-set.ts'
import type { Direction } from '../../ipset/set.ts'
import { NotSimulated, UsageError } from '../errors.ts'
import { flag, needNumber, one, two } from '../extension.ts'
import type { TargetExtension } from '../extension.ts'
import { parseDirections } from '../matches/set.ts'

/** SET: puts the packet's addresses and ports into a set of ipset(8), or takes them out (libxt_SET.c). */
export const SET: TargetExtension = ({ hasSet }) => {
  const wanted: Partial<Record<'add' | 'del', { name: string; directions: readonly Direction[] }>> = {}
  let exist = false
  let timeout: number | undefined
  const choose = (what: 'add' | 'del') => two((name, written) => {
    if (!hasSet(name)) throw new UsageError(`Set ${name} doesn't exist.\n`)
    wanted[what] = { name, directions: parseDirections(written) }
  })
  return {
    options: {
      'add-set': choose('add'), 'del-set': choose('del'), exist: flag(() => (exist = true)),
      timeout: one((text) => (timeout = needNumber('SET', 'timeout', text, 0, 2147483))),
      'map-set': two(() => {
        throw new NotSimulated('iptables -j SET --map-set')
      }),
    },
    finish: () => {
      const { add, del } = wanted
      if (!add && !del) throw new UsageError('You must specify either `--add-set\' or `--del-set\' or `--map-set\'')
      const text = (dash: string): string =>
        `${add ? ` ${dash}add-set ${add.name} ${add.directions.join(',')}` : ''}${exist ? ` ${dash}exist` : ''}${timeout === undefined ? '' : ` ${dash}timeout ${timeout}`}` +
        `${del ? ` ${dash}del-set ${del.name} ${del.directions.join(',')}` : ''}`
      return {
        name: 'SET', own: true, sets: [add, del].flatMap((each) => each?.name ?? []), save: text('--'), list: () => `SET${text('')}`.replace(/^SET /, ''),
        run: ({ host, packet, inLink, outLink }) => {
          for (const [what, each] of [['add', add], ['del', del]] as const) {
            const set = each && host.sets.get(each.name)
            if (!set || set instanceof ListSet) continue
            set.change(what, { packet, directions: each.directions, inLink, outLink, count: false }, { exist, timeout })
          }
          return 'continue'
        },
      }
    },
  }
}

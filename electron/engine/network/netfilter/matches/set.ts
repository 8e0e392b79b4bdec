import { NotSimulated, UsageError } from '../errors.ts'
import { flag, two } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'
import type { Direction } from '../../ipset/set.ts'

/** "src,dst" of a set match or target (libxt_set.h, parse_dirs). */
export function parseDirections(text: string): readonly Direction[] {
  const words = text.split(',')
  if (words.length > 6) throw new UsageError("Can't be more src/dst options than 6.")
  return words.map((d) => {
    if (d !== 'src' && d !== 'dst') throw new UsageError("You must spefify (the comma separated list of) 'src' or 'dst'.")
    return d
  })
}

/** -m set: whether the packet's addresses and ports are in a set of ipset(8). */
export const set: MatchExtension = ({ hasSet }) => {
  let name = ''
  let directions: readonly Direction[] = []
  let invert = false
  let returnNomatch = false
  let count = true
  const choose = two((setName, written, not) => {
    if (!hasSet(setName)) throw new UsageError(`Set ${setName} doesn't exist.\n`)
    directions = parseDirections(written)
    name = setName
    invert = not
  }, true)
  const missing = (option: string) => two(() => {
    throw new NotSimulated(`iptables -m set --${option}`)
  }, true)
  return {
    options: {
      'match-set': choose,
      'return-nomatch': flag(() => (returnNomatch = true)),
      'update-counters': flag((not) => (count = !not), true),
      'update-subcounters': flag(() => {}, true),
      'packets-eq': missing('packets-eq'), 'packets-lt': missing('packets-lt'), 'packets-gt': missing('packets-gt'),
      'bytes-eq': missing('bytes-eq'), 'bytes-lt': missing('bytes-lt'), 'bytes-gt': missing('bytes-gt'),
    },
    finish: () => {
      if (!name) throw new UsageError('You must specify `--match-set\' with proper arguments')
      const text = `match-set ${name} ${directions.join(',')}`
      const [long, short] = ['--', ''].map((dash) => `${returnNomatch ? ` ${dash}return-nomatch` : ''}${count ? '' : ` ! ${dash}update-counters`}`)
      return {
        name: 'set', own: true, sets: [name], save: `${invert ? ' !' : ''} --${text}${long}`, list: () => `${invert ? '! ' : ''}${text}${short}`,
        test: ({ host, packet, inLink, outLink }) => host.sets.matches(name, { packet, directions, inLink, outLink, count }, returnNomatch) !== invert,
      }
    },
  }
}

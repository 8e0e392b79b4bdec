import { baseName, directoryName } from '../../engine/machine/path.ts'
import type { FileStat, Process } from '../../engine/machine/types.ts'
import { groupName, userName } from './accounts.ts'
import { NotSimulated } from './command.ts'
import { diskBlocks } from './ls.ts'
import { modeString } from './mode.ts'
import { formatTime } from './strftime.ts'

/** What find(1) knows of a file: its path as found, the starting point it was found under, and how deep. */
export interface Described { path: string; shown: string; from: string; stat: FileStat; depth: number }

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', '0': '\0', '\\': '\\', a: '\x07', b: '\b', f: '\f', r: '\r', v: '\v' }
const LETTERS: Readonly<Record<FileStat['type'], string>> = { file: 'f', directory: 'd', symlink: 'l', device: 'c' }
const HALF_YEAR = 15_778_476_000

/** find -printf */
export function findFormat(format: string, found: Described, process: Process): string {
  return format.replace(/\\([0-7]{3}|[\s\S])|%([-+0 #]*)(\d*)(?:\.(\d+))?([ACT].|[\s\S])/g, (whole: string, escape: string | undefined, flags: string, width: string, precision: string | undefined, directive: string) => {
    if (escape !== undefined) return /^[0-7]{3}$/.test(escape) ? String.fromCharCode(parseInt(escape, 8)) : ESCAPES[escape] ?? whole
    if (directive === '%') return '%'
    let text = one(directive, found, process)
    if (text === undefined) throw new NotSimulated(`find -printf %${directive}`)
    if (precision !== undefined) text = text.slice(0, Number(precision))
    return flags.includes('-') ? text.padEnd(Number(width)) : text.padStart(Number(width), flags.includes('0') ? '0' : ' ')
  })
}

function one(directive: string, { path, shown, from, stat, depth }: Described, process: Process): string | undefined {
  switch (directive) {
    case 'p': return shown
    case 'f': return baseName(shown) || shown
    case 'h': return shown.includes('/') ? (directoryName(shown) || '/').replace(/^\/$/, shown.startsWith('/') ? '' : '/') : '.'
    case 'P': return shown === from ? '' : shown.slice(from.length).replace(/^\//, '')
    case 'H': return from
    case 's': return String(stat.size)
    case 'd': return String(depth)
    case 'm': return (stat.mode & 0o7777).toString(8)
    case 'M': return modeString(stat)
    case 'u': return userName(process, stat.uid) ?? String(stat.uid)
    case 'g': return groupName(process, stat.gid) ?? String(stat.gid)
    case 'U': return String(stat.uid)
    case 'G': return String(stat.gid)
    case 'i': return String(stat.inode)
    case 'n': return String(stat.links)
    case 'k': return String(diskBlocks(stat))
    case 'b': return String(diskBlocks(stat) * 2)
    case 'y': return LETTERS[stat.type]
    case 'l': return stat.type === 'symlink' ? process.fs.readLink(path) : ''
    case 't': return formatTime(stat.mtime, '%a %b %e %H:%M:%S.%N0 %Y')
    default:
      if (directive[0] !== 'T') return undefined
      if (directive === 'T@') return `${Math.floor(stat.mtime / 1000)}.${formatTime(stat.mtime, '%N')}0`
      if (directive === 'T+') return formatTime(stat.mtime, '%Y-%m-%d+%H:%M:%S.%N0')
      if (directive === 'TS') return formatTime(stat.mtime, '%S.%N0')
      if (directive === 'TT') return formatTime(stat.mtime, '%H:%M:%S.%N0')
      return formatTime(stat.mtime, `%${directive[1]}`)
  }
}

/** find -ls: as `ls -dils`. */
export function findLine({ path, shown, stat }: Described, process: Process): string {
  const now = process.clock.wall()
  const time = formatTime(stat.mtime, stat.mtime > now || now - stat.mtime > HALF_YEAR ? '%b %e  %Y' : '%b %e %H:%M')
  const cells = [String(stat.inode).padStart(9), String(diskBlocks(stat)).padStart(6), modeString(stat), String(stat.links).padStart(3), (userName(process, stat.uid) ?? String(stat.uid)).padEnd(8), (groupName(process, stat.gid) ?? String(stat.gid)).padEnd(8), String(stat.size).padStart(8), time]
  return `${cells.join(' ')} ${shown.replace(/ /g, '\\ ')}${stat.type === 'symlink' ? ` -> ${process.fs.readLink(path)}` : ''}`
}

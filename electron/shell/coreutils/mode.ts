import type { FileStat } from '../../engine/machine/types.ts'

/** "drwxr-xr-x" */
export function modeString(stat: Pick<FileStat, 'type' | 'mode'>): string {
  const kind = { file: '-', directory: 'd', symlink: 'l', device: 'c' }[stat.type]
  const bits = (shift: number, special: boolean, mark: string): string => {
    const m = (stat.mode >> shift) & 7
    const x = (m & 1) !== 0
    return (m & 4 ? 'r' : '-') + (m & 2 ? 'w' : '-') + (special ? (x ? mark : mark.toUpperCase()) : x ? 'x' : '-')
  }
  return kind + bits(6, (stat.mode & 0o4000) !== 0, 's') + bits(3, (stat.mode & 0o2000) !== 0, 's') + bits(0, (stat.mode & 0o1000) !== 0, 't')
}

/** chmod's argument applied to a mode; undefined when it is invalid. */
export function changeMode(text: string, mode: number, directory: boolean, umask: number): number | undefined {
  if (/^[0-7]{1,4}$/.test(text)) return parseInt(text, 8)
  let result = mode
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxXst]*|[-+=][ugo])+)$/.exec(clause)
    if (!match) return undefined
    const who = match[1] === '' ? 'a' : match[1]!
    for (const [, operator, permissions] of match[2]!.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)) {
      let value = 0
      let special = 0
      for (const p of permissions!) {
        if (p === 'r') value |= 4
        else if (p === 'w') value |= 2
        else if (p === 'x' || (p === 'X' && (directory || (mode & 0o111) !== 0))) value |= 1
        else if (p === 'u' || p === 'g' || p === 'o') value |= (result >> { u: 6, g: 3, o: 0 }[p]) & 7
        else if (p === 's') special |= (/[ua]/.test(who) ? 0o4000 : 0) | (/[ga]/.test(who) ? 0o2000 : 0)
        else if (p === 't') special |= 0o1000
      }
      let mask = 0
      if (/[ua]/.test(who)) mask |= 0o700
      if (/[ga]/.test(who)) mask |= 0o070
      if (/[oa]/.test(who)) mask |= 0o007
      let bits = ((value << 6) | (value << 3) | value) & mask
      if (match[1] === '') bits &= ~umask
      bits |= special
      result = operator === '+' ? result | bits : operator === '-' ? result & ~bits : (result & ~mask & 0o777) | bits
    }
  }
  return result
}

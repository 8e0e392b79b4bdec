import { headerOf, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import { GuardedRegExp } from '../../regex/guarded.ts'
import { dispositionName } from './disposition.ts'
import type { Ended, Fetch } from './http.ts'
import type { Session } from './session.ts'
import { localName } from './url.ts'

/** Whether an existing file of the name is written over. */
export const clobbers = ({ options: o }: Session): boolean => o.noClobber || o.continued || o.timestamping || o.directories || o.output !== undefined

/** Where the document goes, now that its server has spoken. */
export function* chooseFile(session: Session, fetch: Fetch, head: ResponseHead): Task<Ended | undefined> {
  const { options } = session
  if (fetch.file === undefined) fetch.file = uniqueName(session, localName(fetch.url, options, dispositionName(headerOf(head.headers, 'content-disposition') ?? '')))
  if ((options.deleteAfter || options.spider || !acceptable(session, fetch.file)) && options.output === undefined) fetch.file = `${fetch.file}.tmp`
  if (!fetch.existenceChecked && session.exists(fetch.file)) {
    if (options.noClobber && options.output === undefined) return 'unneeded'
    if (!clobbers(session)) fetch.file = uniqueName(session, fetch.file)
  }
  fetch.existenceChecked = true
  if (options.timestamping && !fetch.old) rememberOld(session, fetch)
  return undefined
}

/** -N: what is here already; with -K as it was before its links were changed. */
export function rememberOld(session: Session, fetch: Fetch): void {
  const { process, options } = session
  const name = options.backupConverted && session.exists(`${fetch.file}.orig`) ? `${fetch.file}.orig` : fetch.file!
  if (!session.exists(name)) return
  const { size, mtime } = process.fs.stat(process.resolve(name))
  fetch.old = { name: fetch.file!, size, time: Math.floor(mtime / 1000) * 1000 }
}

/** "f.txt.1" where there is a file of that name. */
export function uniqueName(session: Session, name: string): string {
  const { options: o } = session
  if (!session.exists(name) || ((o.noClobber || o.continued || o.timestamping || o.directories) && !session.isDirectory(name))) return name
  for (let n = 1; ; n++) if (!session.exists(`${name}.${n}`)) return `${name}.${n}`
}

/** -A and -R, of the last part of a name. */
export function acceptable({ options }: Session, name: string): boolean {
  const last = name.replace(/^.*\//s, '')
  const matches = (patterns: readonly string[]): boolean => patterns.some((p) => (/[*?[\]]/.test(p) ? globbed(p, options.ignoreCase).test(last) : options.ignoreCase ? last.toLowerCase().endsWith(p.toLowerCase()) : last.endsWith(p)))
  if (options.accept.length > 0) return matches(options.accept) && (options.reject.length === 0 || !matches(options.reject))
  return options.reject.length === 0 || !matches(options.reject)
}

export function globbed(pattern: string, ignoreCase: boolean): RegExp {
  const body = pattern.replace(/\[!/g, '[^').replace(/[.+^${}()|\\]/g, (c, at: number, all: string) => (c === '^' && all[at - 1] === '[' ? c : `\\${c}`)).replaceAll('*', '.*').replaceAll('?', '.')
  try {
    return new GuardedRegExp(`^${body}$`, ignoreCase ? 'is' : 's')
  } catch {
    return /^$/
  }
}

export function extend(session: Session, fetch: Fetch, end: string): void {
  const name = fetch.file!
  fetch.file = `${name}${end}`
  if (!clobbers(session)) for (let n = 1; session.exists(fetch.file); n++) fetch.file = `${name}.${n}${end}`
  session.extended.add(fetch.file)
}

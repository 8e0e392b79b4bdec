import { capable } from '../../machine/capabilities.ts'
import { SystemError } from '../../machine/errors.ts'
import { permits } from '../../machine/open.ts'
import { directoryName } from '../../machine/path.ts'
import type { Process } from '../../machine/types.ts'
import { accountOf } from '../gosu.ts'
import { ConfigError, type Directive } from './config.ts'

/** Whom the workers run as, and what nginx writes besides its logs (ngx_core_module; ngx_create_paths of src/core/ngx_file.c). */
export interface Account {
  /** Of `user`; nginx, as its packages are built. */
  user: string
  /** Where it says so. */
  said: Directive | undefined
  pid: string
  /** Where bodies wait that are too large for memory. */
  temporary: readonly string[]
}

const PID_FILE = '/run/nginx.pid'
const CACHE = '/var/cache/nginx'
const TEMPORARY = [['client_body_temp_path', 'client_temp'], ['proxy_temp_path', 'proxy_temp'], ['fastcgi_temp_path', 'fastcgi_temp'], ['uwsgi_temp_path', 'uwsgi_temp'], ['scgi_temp_path', 'scgi_temp']] as const
const NUMBERS = { EACCES: 13, EROFS: 30 } as const

export function readAccount(directives: readonly Directive[]): Account {
  const named = (name: string): Directive | undefined => directives.find((d) => d.name === name)
  const http = named('http')?.block
  const said = named('user')
  const temporary = TEMPORARY.map(([name, preset]) => http?.find((d) => d.name === name)?.args[0] ?? `${CACHE}/${preset}`)
  return { user: said?.args[0] ?? 'nginx', said, pid: named('pid')?.args[0] ?? PID_FILE, temporary: http ? temporary : [] }
}

/** What is said of `user` by who is not root. */
export function accountWarnings(process: Process, { said }: Account): string[] {
  return said && process.user.uid !== 0 ? [`the "user" directive makes sense only if the master process runs with super-user privileges, ignored in ${said.file}:${said.line}`] : []
}

/** Throws ConfigError where there is no such user. */
export function checkAccount(process: Process, { said, user }: Account): void {
  if (said && process.user.uid === 0 && !accountOf(process, user)) throw new ConfigError(`getpwnam("${user}") failed in ${said.file}:${said.line}`)
}

/** Makes what is missing, and gives it to the workers. Throws ConfigError. */
export function makeTemporary(process: Process, { temporary, user }: Account): void {
  const account = process.user.uid === 0 ? accountOf(process, user) : undefined
  for (const path of temporary) {
    attempt(`mkdir() "${path}"`, () => {
      if (process.fs.exists(path)) return
      mayWrite(process, path)
      process.fs.makeDirectory(path)
      process.fs.chown(path, process.user.uid, process.user.gid)
    })
    if (!account || process.fs.stat(path).uid === account.uid) continue
    if (!capable(process, 'CHOWN')) throw new ConfigError(`chown("${path}", ${account.uid}) failed (1: Operation not permitted)`)
    attempt(`chown("${path}", ${account.uid})`, () => process.fs.chown(path, account.uid, process.fs.stat(path).gid))
  }
}

/** Throws ConfigError. */
export function writePid(process: Process, { pid }: Account): void {
  attempt(`open() "${pid}"`, () => {
    mayWrite(process, pid)
    process.fs.writeFile(pid, `${process.pid}\n`)
  })
}

/** Throws SystemError EACCES where its directory is not the process's to write in. */
export function mayWrite(process: Process, path: string): void {
  const { fs, user } = process
  const there = fs.exists(path) ? path : directoryName(path)
  if (fs.exists(there) && !permits(user, fs.stat(there), 'write')) throw new SystemError('EACCES')
}

function attempt(what: string, step: () => void): void {
  try {
    step()
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    throw new ConfigError(`${what} failed (${NUMBERS[error.code as keyof typeof NUMBERS] ?? 2}: ${error.message})`)
  }
}

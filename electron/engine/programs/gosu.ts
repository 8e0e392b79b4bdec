import { capable } from '../machine/capabilities.ts'
import type { Task } from '../machine/task.ts'
import type { Credentials, Process } from '../machine/types.ts'

/** An account of the image's /etc/passwd, with the groups of /etc/group that name it; undefined: there is none. */
export function accountOf({ fs }: Pick<Process, 'fs'>, name: string): (Credentials & { home: string }) | undefined {
  const linesOf = (path: string): string[][] => (fs.exists(path) ? fs.readText(path).split('\n').map((line) => line.split(':')) : [])
  const line = linesOf('/etc/passwd').find(([first]) => first === name)
  if (!line) return undefined
  const gid = Number(line[3])
  const groups = linesOf('/etc/group').filter((g) => g[0] !== '' && g[3]?.split(',').includes(name)).map((g) => Number(g[2])).filter((g) => g !== gid)
  return { uid: Number(line[2]), gid, name, home: line[5] ?? '/', ...(groups.length > 0 ? { groups } : {}) }
}

/**
 * What an image's entrypoint does when it is root: its data directories become the account's, and so does the process
 * (chown, and `exec gosu ACCOUNT …` of github.com/tianon/gosu). An exit status when the container may not do that.
 */
export function* stepDown(process: Process, name: string, directories: readonly string[]): Task<number | undefined> {
  const account = process.user.uid === 0 ? accountOf(process, name) : undefined
  if (!account) return undefined
  for (const path of directories) {
    if (!process.fs.exists(path)) continue
    const { uid, gid } = process.fs.stat(path)
    if (uid === account.uid) continue
    if (!capable(process, 'CHOWN')) {
      yield* process.printError(`chown: changing ownership of '${path}': Operation not permitted\n`)
      return 1
    }
    process.fs.chown(path, account.uid, gid)
  }
  if (!capable(process, 'SETUID') || !capable(process, 'SETGID')) {
    yield* process.printError(`error: failed switching to "${name}": operation not permitted\n`)
    return 1
  }
  const { home, ...user } = account
  process.user = user
  process.env.set('HOME', home)
  return undefined
}

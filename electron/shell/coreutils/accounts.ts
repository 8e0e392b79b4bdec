import type { Process } from '../../engine/machine/types.ts'

function lookup(process: Process, file: string, column: number, value: string): string[] | undefined {
  try {
    return process.fs.readText(file).split('\n').map((l) => l.split(':')).find((f) => f.length > 2 && f[column] === value)
  } catch {
    return undefined
  }
}

export function userName(process: Process, uid: number): string | undefined {
  return lookup(process, '/etc/passwd', 2, String(uid))?.[0] ?? (process.user.uid === uid && process.user.name !== String(uid) ? process.user.name : undefined)
}

export function groupName(process: Process, gid: number): string | undefined {
  return lookup(process, '/etc/group', 2, String(gid))?.[0]
}

export function userId(process: Process, name: string): { uid: number; gid: number } | undefined {
  const entry = lookup(process, '/etc/passwd', 0, name)
  return entry && { uid: Number(entry[2]), gid: Number(entry[3]) }
}

/** Of a process: its own first, as getgroups(2) of the GNU tools has them. */
export function groupsOf({ user: { gid, groups = [] } }: Process): number[] {
  return [gid, ...groups.filter((each) => each !== gid)]
}

export function groupId(process: Process, name: string): number | undefined {
  const entry = lookup(process, '/etc/group', 0, name)
  return entry && Number(entry[2])
}

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfig } from '../../engine/cluster.ts'
import { writeAtomically } from '../files.ts'

export interface Kubeconfig {
  path: string
  /** Takes it back. */
  remove(): void
}

/** A kubeconfig that only its owner can read, for as long as the API is served. */
export function writeKubeconfig(folder: string, access: { url: string; certificate: string; serverName: string; token: string }): Kubeconfig {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  removeLeftovers(folder)
  const path = join(folder, `kubeconfig-${process.pid}.yaml`)
  const { url, certificate, serverName, token } = access
  writeAtomically(path, kubeconfig({ server: url, certificateAuthority: Buffer.from(certificate).toString('base64'), tlsServerName: serverName, user: { token } }))
  const remove = (): void => rmSync(path, { force: true })
  process.once('exit', remove)
  return {
    path,
    remove: () => {
      process.off('exit', remove)
      remove()
    },
  }
}

/** What processes left behind that were killed. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^kubeconfig-(\d+)\.yaml$/.exec(name)?.[1])
    if (!Number.isNaN(pid) && pid !== process.pid && !lives(pid)) rmSync(join(folder, name), { force: true })
  }
}

function lives(pid: number): boolean {
  try {
    // only asks: nothing is sent
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

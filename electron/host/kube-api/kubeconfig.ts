import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfig } from '../../engine/cluster.ts'
import { writeAtomically } from '../files.ts'

export interface Kubeconfig {
  path: string
  /** Takes it back. */
  remove(): void
}

/** A kubeconfig that only its owner can read, for as long as the API is served. */
export function writeKubeconfig(folder: string, access: { url: string; certificate: string; token: string }): Kubeconfig {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, `kubeconfig-${process.pid}.yaml`)
  const { url, certificate, token } = access
  writeAtomically(path, kubeconfig({ server: url, certificateAuthority: Buffer.from(certificate).toString('base64'), user: { token } }))
  return { path, remove: () => rmSync(path, { force: true }) }
}

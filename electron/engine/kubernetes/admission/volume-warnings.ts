import type * as core from 'kubernetes-types/core/v1'
import { byName } from '../../own.ts'
import { quote } from '../json.ts'

/** What the server warns of in volumes: pkg/api/pod/warnings.go (v1.33). */

/** By the volume's field; the path that is told is upstream's, also where it is no field ("storageOS"). */
const DEPRECATED: Readonly<Record<string, readonly [path: string, text: string]>> = byName({
  photonPersistentDisk: ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  gitRepo: ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  scaleIO: ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  flocker: ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  storageos: ['storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  quobyte: ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  glusterfs: ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  cephfs: ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  rbd: ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
})

export function volumeWarnings(volumes: readonly core.Volume[] | undefined, path: string): string[] {
  const out: string[] = []
  volumes?.forEach((volume, i) => {
    for (const field of Object.keys(volume)) if (DEPRECATED[field]) out.push(`${path}[${i}].${DEPRECATED[field][0]}: ${DEPRECATED[field][1]}`)
  })
  for (const volume of volumes ?? []) out.push(...overlapsOf(volume))
  return out
}

interface Paths { items?: readonly { path: string }[] | undefined }
const pathsOf = ({ items = [] }: Paths): string[] => items.map((item) => item.path)

/** Files of one volume that would lie in each other's place. */
function overlapsOf({ name, configMap, secret, downwardAPI, projected }: core.Volume): string[] {
  const at = `volume ${quote(name)}`
  const out: string[] = []
  if (configMap) overlaps(pathsOf(configMap), `${at} (ConfigMap ${quote(configMap.name ?? '')})`, out)
  if (secret) overlaps(pathsOf(secret), `${at} (Secret ${quote(secret.secretName ?? '')})`, out)
  if (downwardAPI) overlaps(pathsOf(downwardAPI), `${at} (DownwardAPI)`, out)
  const before = new Set<string>()
  for (const source of projected?.sources ?? []) {
    const [paths, what] = projectedPaths(source)
    if (Object.keys(source).length === 0) out.push(`${at} (Projected) has no sources provided`)
    if (paths.length === 0) continue
    overlaps(paths, `${at} (Projected ${what})`, out)
    overlaps([...new Set(paths), ...before].sort(), `${at} (Projected ${what})`, out)
    for (const path of paths) before.add(path)
  }
  return out
}

function projectedPaths({ configMap, secret, downwardAPI, serviceAccountToken }: core.VolumeProjection): [string[], string] {
  if (configMap?.items) return [pathsOf(configMap), `ConfigMap ${quote(configMap.name ?? '')}`]
  if (secret?.items) return [pathsOf(secret), `Secret ${quote(secret.name ?? '')}`]
  if (downwardAPI?.items) return [pathsOf(downwardAPI), 'DownwardAPI']
  return serviceAccountToken ? [[serviceAccountToken.path], 'ServiceAccountToken'] : [[], '']
}

function overlaps(paths: readonly string[], what: string, out: string[]): void {
  const seen = new Set<string>()
  for (const written of paths) {
    const path = written.replace(/\/+$/, '')
    const other = path === '' ? undefined : [...seen].find((s) => s !== '' && (s === path || `${s}/`.startsWith(path) || `${path}/`.startsWith(s)))
    if (other !== undefined) out.push(`${what}: overlapping paths: ${quote(path)} with ${quote(other)}`)
    seen.add(path)
  }
}

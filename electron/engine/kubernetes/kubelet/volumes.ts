import type { Clock } from '../../clock.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import { decodeBase64 } from '../base64.ts'
import type { ConfigMap, Container, Pod } from '../types.ts'
import { fieldOf, type HostFacts, type Secret, type Sources } from './environment.ts'
import { expand } from './expansion.ts'

type Volume = NonNullable<Pod['spec']['volumes']>[number]
type Content = Map<string, Uint8Array | string>

/** A volume that cannot be set up yet: the Pod waits in ContainerCreating, with an event FailedMount. */
export class MountError extends Error {}

/** The volumes of one Pod: each a filesystem that its containers share. */
export class PodVolumes {
  readonly #clock: Clock
  readonly #sources: Sources
  readonly #hostFs: MemoryFilesystem
  readonly #volumes = new Map<string, { fs: MemoryFilesystem; at: string }>()

  constructor(clock: Clock, sources: Sources, hostFs: MemoryFilesystem) {
    this.#clock = clock
    this.#sources = sources
    this.#hostFs = hostFs
  }

  /** Throws {@link MountError} for the first that lacks something. */
  setUp(pod: Pod, facts: HostFacts): void {
    for (const volume of pod.spec.volumes ?? []) if (!this.#volumes.has(volume.name)) this.#volumes.set(volume.name, this.#make(pod, volume, facts))
  }

  /** Writes ConfigMaps, Secrets and the like again, as they are now. */
  refresh(pod: Pod, facts: HostFacts): void {
    for (const volume of pod.spec.volumes ?? []) {
      const present = this.#volumes.get(volume.name)
      if (!present || volume.emptyDir || volume.hostPath) continue
      try {
        fill(present.fs, this.#content(pod, volume, facts))
      } catch (error) {
        // What was there stays while its object is missing.
        if (!(error instanceof MountError)) throw error
      }
    }
  }

  mount(pod: Pod, container: Container, fs: MemoryFilesystem, environment: ReadonlyMap<string, string>): void {
    for (const { name, mountPath, subPath, subPathExpr, readOnly } of container.volumeMounts ?? []) {
      const found = this.#volumes.get(name)
      if (!found) continue
      const volume = pod.spec.volumes?.find((v) => v.name === name)
      const below = subPathExpr ? expand(subPathExpr, (v) => environment.get(v)) : subPath
      const source = below ? `${found.at === '/' ? '' : found.at}/${below}` : found.at
      if (!found.fs.exists(source)) found.fs.makeDirectory(source, { parents: true })
      const fixed = !!readOnly || !!volume?.configMap || !!volume?.secret || !!volume?.projected || !!volume?.downwardAPI
      fs.mount(mountPath.replace(/(.)\/+$/, '$1'), found.fs, source, { readOnly: fixed })
    }
  }

  #make(pod: Pod, volume: Volume, facts: HostFacts): { fs: MemoryFilesystem; at: string } {
    if (volume.hostPath) return this.#host(volume.name, volume.hostPath.path, volume.hostPath.type)
    const fs = new MemoryFilesystem({ clock: this.#clock })
    fs.makeDirectory('/volume', { mode: volume.emptyDir ? 0o777 : 0o755 })
    if (!volume.emptyDir) fill(fs, this.#content(pod, volume, facts))
    return { fs, at: '/volume' }
  }

  #host(name: string, path: string, type: string | undefined): { fs: MemoryFilesystem; at: string } {
    const fs = this.#hostFs
    const exists = fs.exists(path)
    if (!exists) {
      if (type === 'Directory' || type === 'File' || type === 'Socket') throw new MountError(`MountVolume.SetUp failed for volume "${name}" : hostPath type check failed: ${path} is not a ${type.toLowerCase()}`)
      if (type === 'FileOrCreate') {
        fs.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '/', { parents: true })
        fs.writeFile(path, '')
      } else fs.makeDirectory(path, { parents: true })
    }
    return { fs, at: path }
  }

  #content(pod: Pod, volume: Volume, facts: HostFacts): Content {
    const out: Content = new Map()
    if (volume.configMap) this.#configMap(pod, volume.name, volume.configMap, out)
    else if (volume.secret) this.#secret(pod, volume.name, { name: volume.secret.secretName, items: volume.secret.items, optional: volume.secret.optional }, out)
    else if (volume.downwardAPI) for (const item of volume.downwardAPI.items ?? []) out.set(item.path, item.fieldRef ? fieldOf(pod, item.fieldRef.fieldPath, facts) : '')
    else if (volume.projected) {
      for (const source of volume.projected.sources ?? []) {
        if (source.configMap) this.#configMap(pod, volume.name, source.configMap, out)
        if (source.secret) this.#secret(pod, volume.name, source.secret, out)
        for (const item of source.downwardAPI?.items ?? []) out.set(item.path, item.fieldRef ? fieldOf(pod, item.fieldRef.fieldPath, facts) : '')
        if (source.serviceAccountToken) out.set(source.serviceAccountToken.path, `podhop.${pod.metadata.namespace}.${pod.spec.serviceAccountName ?? 'default'}`)
      }
    } else {
      const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'this kind'
      throw new MountError(`podhop: not simulated: volumes of ${kind} (use emptyDir, configMap, secret or hostPath)`)
    }
    return out
  }

  #configMap(pod: Pod, volume: string, ref: { name?: string; items?: { key: string; path: string }[]; optional?: boolean }, out: Content): void {
    const map: ConfigMap | undefined = this.#sources.configMap(pod.metadata.namespace, ref.name ?? '')
    if (!map) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : configmap "${ref.name}" not found`)
    }
    const all: Content = new Map(Object.entries(map.data ?? {}))
    for (const [key, value] of Object.entries(map.binaryData ?? {})) all.set(key, bytesOf(String(value)))
    pick(all, ref, volume, `configmap references non-existent config key`, out)
  }

  #secret(pod: Pod, volume: string, ref: { name?: string; items?: { key: string; path: string }[]; optional?: boolean }, out: Content): void {
    const secret: Secret | undefined = this.#sources.secret(pod.metadata.namespace, ref.name ?? '')
    if (!secret) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : secret "${ref.name}" not found`)
    }
    const all: Content = new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, bytesOf(value)]))
    pick(all, ref, volume, `references non-existent secret key`, out)
  }
}

function pick(all: Content, ref: { items?: { key: string; path: string }[]; optional?: boolean }, volume: string, problem: string, out: Content): void {
  if (!ref.items) {
    for (const [key, value] of all) out.set(key, value)
    return
  }
  for (const { key, path } of ref.items) {
    const value = all.get(key)
    if (value !== undefined) out.set(path, value)
    else if (!ref.optional) throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : ${problem}: ${key}`)
  }
}

function bytesOf(base64: string): Uint8Array {
  const bytes = decodeBase64(base64)
  return typeof bytes === 'number' ? new Uint8Array(0) : bytes
}

/** Makes the directory hold exactly these files. */
function fill(fs: MemoryFilesystem, content: Content): void {
  for (const name of fs.readDirectory('/volume')) if (![...content.keys()].some((path) => path === name || path.startsWith(`${name}/`))) fs.remove(`/volume/${name}`, { recursive: true })
  for (const [path, value] of content) {
    const file = `/volume/${path}`
    fs.makeDirectory(file.slice(0, file.lastIndexOf('/')), { parents: true })
    fs.writeFile(file, value, 0o644)
  }
}

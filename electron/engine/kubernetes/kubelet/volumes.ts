import type { Clock } from '../../clock.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import { decodeBase64 } from '../base64.ts'
import type { ConfigMap, Container, Pod } from '../types.ts'
import { ConfigError, fieldOf, resourceOf, type HostFacts, type Secret, type Sources } from './environment.ts'
import { expand } from './expansion.ts'

type Volume = NonNullable<Pod['spec']['volumes']>[number]
type Content = Map<string, File>
interface Mounted { readonly fs: MemoryFilesystem; readonly at: string }
interface File { data: Uint8Array | string | (() => string); mode: number }

const KINDS: Readonly<Record<string, string>> = { Directory: 'directory', File: 'file', Socket: 'socket file', CharDevice: 'character device', BlockDevice: 'block device' }
const DEFAULT_MODE = 0o644

/** A volume that cannot be set up yet: the Pod waits in ContainerCreating, with an event FailedMount. */
export class MountError extends Error {}

/** A volume of a Pod's own, with what it held when it was set up; laid out when somebody mounts it. */
class PodVolume implements Mounted {
  readonly at = '/volume'
  readonly #clock: Clock
  readonly #since: number
  readonly #group: number | undefined
  #content: Content | undefined
  #fs: MemoryFilesystem | undefined

  /** Without content it is an emptyDir. */
  constructor(clock: Clock, content: Content | undefined, group: number | undefined) {
    this.#clock = clock
    this.#since = clock.now
    this.#content = content
    this.#group = group
  }

  get fs(): MemoryFilesystem {
    if (!this.#fs) {
      this.#clock.past(this.#since, () => (this.#fs = this.#layOut()))
      this.#content = undefined
    }
    return this.#fs!
  }

  #layOut(): MemoryFilesystem {
    const fs = new MemoryFilesystem({ clock: this.#clock })
    const group = this.#group
    const isEmpty = this.#content === undefined
    fs.makeDirectory('/volume', { mode: isEmpty ? 0o777 : 0o755 })
    if (group !== undefined) {
      // pkg/volume SetVolumeOwnership: the group's, and what is made in it too
      fs.chown('/volume', 0, group)
      fs.chmod('/volume', isEmpty ? 0o2777 : 0o2775)
      fs.owner = { uid: 0, gid: group }
    }
    if (this.#content) fill(fs, this.#content)
    return fs
  }
}

/** The volumes of one Pod: each a filesystem that its containers share. */
export class PodVolumes {
  readonly #clock: Clock
  readonly #sources: Sources
  readonly #hostFs: MemoryFilesystem
  readonly #volumes = new Map<string, Mounted>()

  constructor(clock: Clock, sources: Sources, hostFs: MemoryFilesystem) {
    this.#clock = clock
    this.#sources = sources
    this.#hostFs = hostFs
  }

  /** Nothing but the ServiceAccount's token is mounted. */
  get onlyTokens(): boolean {
    for (const name of this.#volumes.keys()) if (!name.startsWith('kube-api-access-')) return false
    return true
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

  /** After a restart of the machine everything is set up anew; what emptyDirs hold is on its disk. */
  forget(): void {
    for (const [name, { at }] of this.#volumes) if (at !== '/volume') this.#volumes.delete(name)
  }

  /** Throws {@link ConfigError} for a subPath that cannot be (pkg/volume/util/subpath). */
  checkSubPaths(container: Container, environment: () => ReadonlyMap<string, string>): void {
    for (const { name, subPathExpr } of container.volumeMounts ?? []) {
      if (!subPathExpr) continue
      const missing = /\$\(([^)]*)\)/.exec(expand(subPathExpr, (v) => environment().get(v)))
      if (missing) throw new ConfigError(`cannot expand subPathExpr for volume "${name}": ${missing[1]} not found in environment`)
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

  #make(pod: Pod, volume: Volume, facts: HostFacts): Mounted {
    if (volume.hostPath) return this.#host(volume.name, volume.hostPath.path, volume.hostPath.type)
    const content = volume.emptyDir ? undefined : this.#content(pod, volume, facts)
    return new PodVolume(this.#clock, content, pod.spec.securityContext?.fsGroup)
  }

  #host(name: string, path: string, type: string | undefined): Mounted {
    const fs = this.#hostFs
    const failed = (what: string): MountError => new MountError(`MountVolume.SetUp failed for volume "${name}" : hostPath type check failed: ${path} is not a ${what}`)
    if (!fs.exists(path)) {
      if (type === 'FileOrCreate') {
        const parent = path.slice(0, path.lastIndexOf('/')) || '/'
        if (!fs.exists(parent)) throw new MountError(`MountVolume.SetUp failed for volume "${name}" : open ${path}: no such file or directory`)
        fs.writeFile(path, '')
      } else if (!type || type === 'DirectoryOrCreate') fs.makeDirectory(path, { parents: true })
      else throw failed(KINDS[type] ?? type)
      return { fs, at: path }
    }
    const is = fs.stat(path).type
    if ((type === 'Directory' || type === 'DirectoryOrCreate') && is !== 'directory') throw failed('directory')
    if ((type === 'File' || type === 'FileOrCreate') && is !== 'file') throw failed('file')
    if (type === 'CharDevice' && is !== 'device') throw failed('character device')
    if (type === 'Socket' || type === 'BlockDevice') throw failed(KINDS[type]!)
    return { fs, at: path }
  }

  #content(pod: Pod, volume: Volume, facts: HostFacts): Content {
    const out: Content = new Map()
    const { configMap, secret, downwardAPI, projected } = volume
    if (configMap) this.#configMap(pod, volume.name, configMap, configMap.defaultMode, out)
    else if (secret) this.#secret(pod, volume.name, { name: secret.secretName, items: secret.items, optional: secret.optional }, secret.defaultMode, out)
    else if (downwardAPI) this.#downward(pod, downwardAPI.items ?? [], downwardAPI.defaultMode, facts, out)
    else if (projected) {
      const mode = projected.defaultMode
      for (const source of projected.sources ?? []) {
        if (source.configMap) this.#configMap(pod, volume.name, source.configMap, mode, out)
        if (source.secret) this.#secret(pod, volume.name, source.secret, mode, out)
        this.#downward(pod, source.downwardAPI?.items ?? [], mode, facts, out)
        if (source.serviceAccountToken) out.set(source.serviceAccountToken.path, { data: this.#token(pod, source.serviceAccountToken), mode: mode ?? DEFAULT_MODE })
      }
    } else {
      const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'this kind'
      throw new MountError(`podhop: not simulated: volumes of ${kind} (use emptyDir, configMap, secret or hostPath)`)
    }
    return out
  }

  /** Made when it is read, and anew as kubelets do it, after 80 % of its life (pkg/kubelet/token/token_manager.go). */
  #token(pod: Pod, { audience, expirationSeconds }: { audience?: string; expirationSeconds?: number }): () => string {
    const begun = this.#clock.wall()
    const seconds = expirationSeconds ?? 3600
    let known = { issued: 0, token: '' }
    return () => {
      const renewal = seconds * 800
      const issued = Math.floor((begun + Math.floor((this.#clock.wall() - begun) / renewal) * renewal) / 1000)
      if (known.issued === issued) return known.token
      try {
        known = { issued, token: this.#sources.token(pod, audience ? [audience] : undefined, issued, seconds) }
      } catch {
        // the API is not reached, or the account is gone: the old one stays
      }
      return known.token
    }
  }

  #downward(pod: Pod, items: readonly DownwardItem[], defaultMode: number | undefined, facts: HostFacts, out: Content): void {
    for (const item of items) {
      const container = pod.spec.containers.find((c) => c.name === item.resourceFieldRef?.containerName)
      const data = item.fieldRef ? fieldOf(pod, item.fieldRef.fieldPath, facts) : item.resourceFieldRef && container ? resourceOf(pod, container, item.resourceFieldRef, facts) : ''
      out.set(item.path, { data, mode: item.mode ?? defaultMode ?? DEFAULT_MODE })
    }
  }

  #configMap(pod: Pod, volume: string, ref: Reference, defaultMode: number | undefined, out: Content): void {
    const map: ConfigMap | undefined = this.#sources.configMap(pod.metadata.namespace, ref.name ?? '')
    if (!map) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : configmap "${ref.name}" not found`)
    }
    const all = new Map<string, Uint8Array | string>(Object.entries(map.data ?? {}))
    for (const [key, value] of Object.entries(map.binaryData ?? {})) all.set(key, bytesOf(String(value)))
    pick(all, ref, volume, `configmap references non-existent config key`, defaultMode, out)
  }

  #secret(pod: Pod, volume: string, ref: Reference, defaultMode: number | undefined, out: Content): void {
    const secret: Secret | undefined = this.#sources.secret(pod.metadata.namespace, ref.name ?? '')
    if (!secret) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : secret "${ref.name}" not found`)
    }
    const all = new Map<string, Uint8Array | string>(Object.entries(secret.data ?? {}).map(([key, value]) => [key, bytesOf(value)]))
    pick(all, ref, volume, `references non-existent secret key`, defaultMode, out)
  }
}

type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]
interface Reference { name?: string | undefined; items?: { key: string; path: string; mode?: number }[] | undefined; optional?: boolean | undefined }

function pick(all: ReadonlyMap<string, Uint8Array | string>, ref: Reference, volume: string, problem: string, defaultMode: number | undefined, out: Content): void {
  if (!ref.items) {
    for (const [key, data] of all) out.set(key, { data, mode: defaultMode ?? DEFAULT_MODE })
    return
  }
  for (const { key, path, mode } of ref.items) {
    const data = all.get(key)
    if (data !== undefined) out.set(path, { data, mode: mode ?? defaultMode ?? DEFAULT_MODE })
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
  for (const [path, { data, mode }] of content) {
    const file = `/volume/${path}`
    fs.makeDirectory(file.slice(0, file.lastIndexOf('/')), { parents: true })
    if (typeof data !== 'function') fs.writeFile(file, data, mode)
    else if (!fs.exists(file)) {
      fs.installDynamic(file, data)
      fs.chmod(file, mode)
    }
  }
}

import type { Clock } from '../../clock.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import { own } from '../../own.ts'
import { Random } from '../../random.ts'
import { decodeBase64 } from '../base64.ts'
import { timestamp } from '../human-duration.ts'
import type { ConfigMap, Container, Pod } from '../types.ts'
import { isSameContent, writeAtomically, type Content, type VolumeFile } from './atomic-writer.ts'
import { ConfigError, fieldOf, resourceOf, type HostFacts, type Secret, type Sources } from './environment.ts'
import { expand } from './expansion.ts'

type Volume = NonNullable<Pod['spec']['volumes']>[number]
/** Under its name in the Pod. */
interface Mounted { readonly name: string; readonly fs: MemoryFilesystem; readonly at: string }

const KINDS: Readonly<Record<string, string>> = { Directory: 'directory', File: 'file', Socket: 'socket file', CharDevice: 'character device', BlockDevice: 'block device' }
const DEFAULT_MODE = 0o644
/** How the API server's admission names the volume of a ServiceAccount's token. */
const TOKENS = 'kube-api-access-'
const NONE: readonly Mounted[] = []

/** A volume that cannot be set up yet: the Pod waits in ContainerCreating, with an event FailedMount. */
export class MountError extends Error {}

/**
 * A volume of a Pod's own, with what it held when it was set up; laid out when somebody mounts it. There is one for each Pod
 * at least: it has nothing that can be told later.
 */
class PodVolume implements Mounted {
  readonly #set: PodVolumes
  readonly #volume: Volume
  readonly #since: number
  /** Absent of an emptyDir, and of a ServiceAccount's token before somebody looks: then there is the ConfigMap beside it. */
  #content: Content | undefined
  readonly #map: ConfigMap | undefined
  #fs: MemoryFilesystem | undefined

  constructor(set: PodVolumes, volume: Volume, content: Content | undefined, map: ConfigMap | undefined) {
    this.#set = set
    this.#volume = volume
    this.#since = set.clock.now
    this.#content = content
    this.#map = map
  }

  get name(): string {
    return this.#volume.name
  }

  get at(): string {
    return '/volume'
  }

  get fs(): MemoryFilesystem {
    if (!this.#fs) this.#then(() => (this.#fs = this.#layOut()))
    return this.#fs!
  }

  /** What it holds from now on. */
  update(content: Content): void {
    const former = this.#held() ?? new Map<string, VolumeFile>()
    if (isSameContent(former, content)) return
    const { fs } = this
    // a token is renewed in its own time
    this.#content = new Map([...content].map(([path, file]) => [path, typeof file.data === 'function' ? (former.get(path) ?? file) : file]))
    this.#write(fs, this.#content)
  }

  /** When it was set up. */
  #then(work: () => void): void {
    this.#set.clock.past(this.#since, work)
  }

  #held(): Content | undefined {
    const map = this.#map
    if (!this.#content && map) this.#then(() => (this.#content = this.#set.tokens(this.#volume, map)))
    return this.#content
  }

  #layOut(): MemoryFilesystem {
    const { emptyDir, configMap } = this.#volume
    const inMemory = emptyDir ? emptyDir.medium === 'Memory' : !configMap
    const group = this.#set.pod.spec.securityContext?.fsGroup
    const fs = new MemoryFilesystem({ clock: this.#set.clock, inMemory })
    const mode = inMemory ? 0o1777 : 0o777
    fs.makeDirectory('/volume', { mode })
    if (group !== undefined) {
      // pkg/volume SetVolumeOwnership: the group's, and what is made in it too
      fs.chown('/volume', 0, group)
      fs.chmod('/volume', mode | 0o2550)
      fs.owner = { uid: 0, gid: group }
    }
    const content = this.#held()
    if (content) this.#write(fs, content)
    return fs
  }

  #write(fs: MemoryFilesystem, content: Content): void {
    const { clock, pod } = this.#set
    const at = timestamp(clock.wall())
    const isGroups = pod.spec.securityContext?.fsGroup !== undefined
    const files = isGroups ? new Map([...content].map(([path, file]) => [path, { ...file, mode: file.mode | 0o440 }])) : content
    writeAtomically(fs, '/volume', files, { at, suffix: new Random(0).fork(`${pod.metadata.uid} ${this.name} ${at}`).uint32() })
  }
}

/** Of whom it is the kubelet's. */
interface Owner { readonly pod: Pod; readonly host: Sources & { readonly fs: MemoryFilesystem; readonly context: { readonly clock: Clock } } }

/** The volumes of one Pod: each a filesystem that its containers share. */
export class PodVolumes {
  readonly #owner: Owner
  #volumes: readonly Mounted[] = NONE

  constructor(owner: Owner) {
    this.#owner = owner
  }

  get clock(): Clock {
    return this.#owner.host.context.clock
  }

  get pod(): Pod {
    return this.#owner.pod
  }

  /** Nothing but the ServiceAccount's token is mounted. */
  get onlyTokens(): boolean {
    return this.#volumes.every(({ name }) => name.startsWith(TOKENS))
  }

  #find(name: string): Mounted | undefined {
    return this.#volumes.find((volume) => volume.name === name)
  }

  /** Throws {@link MountError} for the first that lacks something. */
  setUp(pod: Pod, facts: HostFacts): void {
    for (const volume of pod.spec.volumes ?? []) if (!this.#find(volume.name)) this.#volumes = [...this.#volumes, this.#make(pod, volume, facts)]
  }

  /** Writes ConfigMaps, Secrets and the like again, as they are now. */
  refresh(pod: Pod, facts: HostFacts): void {
    for (const volume of pod.spec.volumes ?? []) {
      const present = this.#find(volume.name)
      if (!(present instanceof PodVolume) || volume.emptyDir) continue
      try {
        present.update(this.#content(pod, volume, facts, this.#owner.host))
      } catch (error) {
        // What was there stays while its object is missing.
        if (!(error instanceof MountError)) throw error
      }
    }
  }

  /** After a restart of the machine everything is set up anew; what emptyDirs hold is on its disk. */
  forget(): void {
    this.#volumes = this.#volumes.filter(({ at }) => at === '/volume')
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
      const found = this.#find(name)
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
    if (volume.emptyDir) return new PodVolume(this, volume, undefined, undefined)
    const map = volume.name.startsWith(TOKENS) ? this.#tokensMap(pod, volume) : undefined
    return new PodVolume(this, volume, map ? undefined : this.#content(pod, volume, facts, this.#owner.host), map)
  }

  /** The ConfigMap of a volume that holds a ServiceAccount's token, it and the Pod's namespace; if nothing is amiss. */
  #tokensMap(pod: Pod, { projected }: Volume): ConfigMap | undefined {
    let found: ConfigMap | undefined
    for (const { configMap, secret, downwardAPI } of projected?.sources ?? []) {
      if (secret || downwardAPI?.items?.some((item) => item.fieldRef?.fieldPath !== 'metadata.namespace')) return undefined
      if (!configMap) continue
      if (found) return undefined
      found = this.#owner.host.configMap(pod.metadata.namespace, configMap.name ?? '')
      if (!found || !configMap.items?.every(({ key }) => own(found!.data ?? {}, key) !== undefined)) return undefined
    }
    return found
  }

  /** What such a volume holds. */
  tokens(volume: Volume, map: ConfigMap): Content {
    const { host, pod } = this.#owner
    const facts = { nodeName: '', hostIPs: [], podIPs: [], cpu: 0, memory: 0 }
    return this.#content(pod, volume, facts, { configMap: () => map, secret: () => undefined, services: () => [], token: (...args) => host.token(...args) })
  }

  #host(name: string, path: string, type: string | undefined): Mounted {
    const { fs } = this.#owner.host
    const failed = (what: string): MountError => new MountError(`MountVolume.SetUp failed for volume "${name}" : hostPath type check failed: ${path} is not a ${what}`)
    if (!fs.exists(path)) {
      if (type === 'FileOrCreate') {
        const parent = path.slice(0, path.lastIndexOf('/')) || '/'
        if (!fs.exists(parent)) throw new MountError(`MountVolume.SetUp failed for volume "${name}" : open ${path}: no such file or directory`)
        fs.writeFile(path, '')
      } else if (!type || type === 'DirectoryOrCreate') fs.makeDirectory(path, { parents: true })
      else throw failed(KINDS[type] ?? type)
      return { name, fs, at: path }
    }
    const is = fs.stat(path).type
    if ((type === 'Directory' || type === 'DirectoryOrCreate') && is !== 'directory') throw failed('directory')
    if ((type === 'File' || type === 'FileOrCreate') && is !== 'file') throw failed('file')
    if (type === 'CharDevice' && is !== 'device') throw failed('character device')
    if (type === 'Socket' || type === 'BlockDevice') throw failed(KINDS[type]!)
    return { name, fs, at: path }
  }

  #content(pod: Pod, volume: Volume, facts: HostFacts, sources: Sources): Content {
    const out = new Map<string, VolumeFile>()
    const { configMap, secret, downwardAPI, projected } = volume
    if (configMap) this.#configMap(pod, volume.name, configMap, configMap.defaultMode, out, sources)
    else if (secret) this.#secret(pod, volume.name, { name: secret.secretName, items: secret.items, optional: secret.optional }, secret.defaultMode, out, sources)
    else if (downwardAPI) this.#downward(pod, downwardAPI.items ?? [], downwardAPI.defaultMode, facts, out)
    else if (projected) {
      const mode = projected.defaultMode
      for (const source of projected.sources ?? []) {
        if (source.configMap) this.#configMap(pod, volume.name, source.configMap, mode, out, sources)
        if (source.secret) this.#secret(pod, volume.name, source.secret, mode, out, sources)
        this.#downward(pod, source.downwardAPI?.items ?? [], mode, facts, out)
        if (source.serviceAccountToken) out.set(source.serviceAccountToken.path, { data: this.#token(pod, source.serviceAccountToken, sources), ...tokenOwner(pod, mode ?? DEFAULT_MODE) })
      }
    } else {
      const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'this kind'
      throw new MountError(`podhop: not simulated: volumes of ${kind} (use emptyDir, configMap, secret or hostPath)`)
    }
    return out
  }

  /** Made when it is read, and anew as kubelets do it, after 80 % of its life (pkg/kubelet/token/token_manager.go). */
  #token(pod: Pod, { audience, expirationSeconds }: { audience?: string; expirationSeconds?: number }, sources: Sources): () => string {
    const begun = Math.min(this.clock.wall(), Date.parse(pod.status.startTime ?? pod.metadata.creationTimestamp!))
    const seconds = expirationSeconds ?? 3600
    let known = { issued: 0, token: '' }
    return () => {
      const renewal = seconds * 800
      const issued = Math.floor((begun + Math.floor((this.clock.wall() - begun) / renewal) * renewal) / 1000)
      if (known.issued === issued) return known.token
      try {
        known = { issued, token: sources.token(pod, audience ? [audience] : undefined, issued, seconds) }
      } catch {
        // the API is not reached, or the account is gone: the old one stays
      }
      return known.token
    }
  }

  #downward(pod: Pod, items: readonly DownwardItem[], defaultMode: number | undefined, facts: HostFacts, out: Map<string, VolumeFile>): void {
    for (const item of items) {
      const container = pod.spec.containers.find((c) => c.name === item.resourceFieldRef?.containerName)
      const data = item.fieldRef ? fieldOf(pod, item.fieldRef.fieldPath, facts) : item.resourceFieldRef && container ? resourceOf(pod, container, item.resourceFieldRef, facts) : ''
      out.set(item.path, { data, mode: item.mode ?? defaultMode ?? DEFAULT_MODE })
    }
  }

  #configMap(pod: Pod, volume: string, ref: Reference, defaultMode: number | undefined, out: Map<string, VolumeFile>, sources: Sources): void {
    const map: ConfigMap | undefined = sources.configMap(pod.metadata.namespace, ref.name ?? '')
    if (!map) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : configmap "${ref.name}" not found`)
    }
    const all = new Map<string, Uint8Array | string>(Object.entries(map.data ?? {}))
    for (const [key, value] of Object.entries(map.binaryData ?? {})) all.set(key, bytesOf(String(value)))
    pick(all, ref, volume, `configmap references non-existent config key`, defaultMode, out)
  }

  #secret(pod: Pod, volume: string, ref: Reference, defaultMode: number | undefined, out: Map<string, VolumeFile>, sources: Sources): void {
    const secret: Secret | undefined = sources.secret(pod.metadata.namespace, ref.name ?? '')
    if (!secret) {
      if (ref.optional) return
      throw new MountError(`MountVolume.SetUp failed for volume "${volume}" : secret "${ref.name}" not found`)
    }
    const all = new Map<string, Uint8Array | string>(Object.entries(secret.data ?? {}).map(([key, value]) => [key, bytesOf(value)]))
    pick(all, ref, volume, `references non-existent secret key`, defaultMode, out)
  }
}

/** A token is its user's alone where all containers run as one, or the group's of fsGroup: pkg/volume/projected, util.FsUserFrom. */
function tokenOwner({ spec: { initContainers = [], containers, securityContext } }: Pod, mode: number): Pick<VolumeFile, 'mode' | 'uid'> {
  const users = new Set([...initContainers, ...containers].map((c) => c.securityContext?.runAsUser ?? securityContext?.runAsUser))
  const [uid] = users.size === 1 ? users : []
  if (uid !== undefined) return { mode: 0o600, uid }
  return { mode: securityContext?.fsGroup === undefined ? mode : 0o600 }
}

type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]
interface Reference { name?: string | undefined; items?: { key: string; path: string; mode?: number }[] | undefined; optional?: boolean | undefined }

function pick(all: ReadonlyMap<string, Uint8Array | string>, ref: Reference, volume: string, problem: string, defaultMode: number | undefined, out: Map<string, VolumeFile>): void {
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

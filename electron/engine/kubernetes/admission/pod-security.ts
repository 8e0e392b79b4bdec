import type { PodSpec } from 'kubernetes-types/core/v1'
import { FieldErrors } from '../field-errors.ts'
import { quote } from '../json.ts'
import type { Context, Kind } from '../kinds/kind.ts'
import { forbidden, invalid } from '../status.ts'
import type { KubeObject, Namespace, Pod } from '../types.ts'
import { templatePath } from './pod-templates.ts'
import { violations, type Violation } from './pod-security-checks.ts'

type Level = 'privileged' | 'baseline' | 'restricted'
interface LevelVersion { level: Level; version: string }
interface Policy { enforce: LevelVersion; audit: LevelVersion; warn: LevelVersion }

const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted']
const PREFIX = 'pod-security.kubernetes.io/'
const LATEST = 33

/**
 * The admission plugin PodSecurity with the defaults of v1.33, which allow everything where a namespace's labels do not say otherwise:
 * k8s.io/pod-security-admission. Throws what it refuses; what it only warns of goes to `warn`.
 */
export function admitPodSecurity({ resource }: Kind, object: KubeObject, old: KubeObject | undefined, { store }: Context, warn: (text: string) => void): void {
  if (resource.custom) return
  const name = `${resource.name}/${resource.group}`
  if (name === 'namespaces/') return admitNamespace(object as Namespace, old as Namespace | undefined, () => store.list('pods', object.metadata.name) as readonly Pod[], warn)
  const path = templatePath(resource)
  if (name !== 'pods/' && !path) return
  const { labels } = store.get('namespaces', '', object.metadata.namespace ?? '')?.metadata ?? {}
  if (!labels || !hasPolicy(labels)) return
  const { enforce, warn: told } = policyOf(labels)
  if (!path) {
    if (old && !isSignificant(object as Pod, old as Pod)) return
    const found = against(enforce, object as Pod)
    if (found.length > 0) throw forbidden(resource, object.metadata.name, `violates PodSecurity ${quote(nameOf(enforce))}: ${details(found)}`)
  }
  const template = path ? path.reduce((at: unknown, key) => (at as Record<string, unknown> | undefined)?.[key], object) : object
  const found = (template as Partial<Template> | undefined)?.spec ? against(told, template as Template) : []
  if (found.length > 0) warn(`would violate PodSecurity ${quote(nameOf(told))}: ${details(found)}`)
}

function hasPolicy(labels: Readonly<Record<string, string>>): boolean {
  for (const key in labels) if (key.startsWith(PREFIX)) return true
  return false
}

const nameOf = ({ level, version }: LevelVersion): string => `${level}:${version}`
type Template = Pick<Pod, 'spec'> & { metadata?: { annotations?: Readonly<Record<string, string>> } }
const against = ({ level, version }: LevelVersion, { spec, metadata }: Template): Violation[] =>
  violations(level, version === 'latest' ? LATEST : Math.min(Number(version.slice('v1.'.length)), LATEST), spec, metadata?.annotations)
const details = (found: readonly Violation[]): string => found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ')

/** What the labels say; with `errors`, what is wrong with them. */
function policyOf(labels: Readonly<Record<string, string>> = {}, errors?: FieldErrors): Policy {
  const read = (mode: 'enforce' | 'audit' | 'warn'): LevelVersion => {
    const { [`${PREFIX}${mode}`]: level = 'privileged', [`${PREFIX}${mode}-version`]: version = 'latest' } = labels
    const isLevel = LEVELS.includes(level)
    const isVersion = version === 'latest' || /^v1\.(0|[1-9]\d*)$/.test(version)
    if (!isLevel) errors?.invalid(`metadata.labels[${PREFIX}${mode}]`, level, `must be one of ${LEVELS.join(', ')}`)
    if (!isVersion) errors?.invalid(`metadata.labels[${PREFIX}${mode}-version]`, version, 'must be "latest" or "v1.x"')
    return { level: isLevel ? (level as Level) : mode === 'enforce' ? 'restricted' : 'privileged', version: isVersion ? version : 'latest' }
  }
  return { enforce: read('enforce'), audit: read('audit'), warn: read('warn') }
}

/** Labels must be right when they change; Pods that a stricter level would not let in are told of. */
function admitNamespace({ metadata: { name, labels } }: Namespace, old: Namespace | undefined, pods: () => readonly Pod[], warn: (text: string) => void): void {
  const before = old?.metadata.labels
  if ((!labels || !hasPolicy(labels)) && (!before || !hasPolicy(before))) return
  const errors = new FieldErrors()
  const { enforce } = policyOf(labels, errors)
  const former = new FieldErrors()
  const { enforce: was } = policyOf(before, former)
  if (!errors.empty && (!old || errors.text() !== former.text())) throw invalid({ kind: 'Namespace', group: '' }, name, errors)
  if (!old || enforce.level === 'privileged' || nameOf(enforce) === nameOf(was)) return
  if (enforce.version === was.version && LEVELS.indexOf(enforce.level) < LEVELS.indexOf(was.level)) return
  const found = new Map<string, string[]>()
  for (const pod of pods()) {
    const text = against(enforce, pod).map(({ reason }) => reason).join(', ')
    if (text) found.set(text, [...(found.get(text) ?? []), pod.metadata.name])
  }
  if (found.size === 0) return
  warn(`existing pods in namespace ${quote(name)} violate the new PodSecurity enforce level ${quote(nameOf(enforce))}`)
  const others = (count: number): string => (count === 0 ? '' : ` (and ${count} other pod${count === 1 ? '' : 's'})`)
  for (const text of [...found].map(([why, names]) => `${names.sort()[0]!}${others(names.length - 1)}: ${why}`).sort()) warn(text)
}

/** Of what may change of a Pod, the images and its ephemeral containers matter. */
function isSignificant({ spec }: Pod, { spec: old }: Pod): boolean {
  const images = ({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): string => [...initContainers, ...containers, ...ephemeralContainers].map(({ name, image }) => `${name} ${image ?? ''}`).join('\n')
  return spec !== old && images(spec) !== images(old)
}

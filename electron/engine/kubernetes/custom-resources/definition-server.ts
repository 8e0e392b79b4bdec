import { deleteCollection, removeObject } from '../deletion.ts'
import { compareVersions } from '../http/discovery-documents.ts'
import { timestamp } from '../human-duration.ts'
import { deepEqual } from '../json.ts'
import { customResourceDefinition } from '../kinds/custom-resource-definition.ts'
import type { Kind } from '../kinds/kind.ts'
import type { KubeObject } from '../types.ts'
import { updateObject } from '../updates.ts'
import type { Server } from '../server.ts'
import { type CustomKind, customKind } from './custom-kind.ts'
import { CLEANUP, conditionOf, type CustomResourceDefinition, type DefinitionCondition, DEFINITIONS, type DefinitionNames, type DefinitionStatus, isTrue, withCondition } from './definition.ts'
import { isProtected } from './validation.ts'

/** Between two looks at whether the objects of a definition that goes are gone. */
const RECHECK = 5_000

/**
 * What apiextensions-apiserver does inside the API server: it accepts names, establishes definitions, serves what they
 * define, and cleans up behind them. Each step is a write of its own, as its controllers make them.
 */
export class DefinitionServer {
  readonly #server: Server
  readonly #serve: (kinds: readonly CustomKind[]) => void
  readonly #kind: Kind = customResourceDefinition as unknown as Kind
  readonly #served = new Map<string, { definition: CustomResourceDefinition; kinds: readonly CustomKind[] }>()

  constructor(server: Server, serve: (kinds: readonly CustomKind[]) => void) {
    this.#server = server
    this.#serve = serve
    server.store.watch(DEFINITIONS, {}, undefined, (event) => {
      if (!('object' in event)) return
      const { name } = event.object.metadata
      this.#serveEstablished()
      if (event.type === 'DELETED') this.#lookAtOthers((event.object as CustomResourceDefinition).spec.group)
      else this.#look(name)
    })
  }

  #get(name: string): CustomResourceDefinition | undefined {
    return this.#server.store.get(DEFINITIONS, '', name) as CustomResourceDefinition | undefined
  }

  /** A freed name may be what another definition waits for. */
  #lookAtOthers(group: string): void {
    for (const other of this.#all()) if (other.spec.group === group) this.#look(other.metadata.name)
  }

  #all(): readonly CustomResourceDefinition[] {
    return this.#server.store.list(DEFINITIONS, '') as readonly CustomResourceDefinition[]
  }

  #look(name: string): void {
    const definition = this.#get(name)
    if (!definition) return
    if (definition.metadata.deletionTimestamp) return this.#finalize(definition)
    if (!deepEqual(definition.spec.names, definition.status.acceptedNames)) return this.#acceptNames(definition)
    if (this.#approve(definition)) return
    if (isTrue(definition, 'NamesAccepted') && !isTrue(definition, 'Established')) {
      this.#set(definition, [{ type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }])
    }
  }

  /** The naming controller. */
  #acceptNames(definition: CustomResourceDefinition): void {
    const { spec } = definition
    const wanted = spec.names
    const accepted: DefinitionNames = definition.status.acceptedNames ?? { plural: '', kind: '' }
    const others = this.#all().filter((other) => other.spec.group === spec.group && other.metadata.name !== definition.metadata.name).map((other) => other.status.acceptedNames)
    const resources = new Set(others.flatMap((names) => [names?.plural ?? '', names?.singular ?? '', ...(names?.shortNames ?? [])]))
    const kinds = new Set(others.flatMap((names) => [names?.kind ?? '', names?.listKind ?? '']))
    const next: DefinitionNames = { ...accepted }
    let refused: { reason: string; message: string } | undefined
    const take = (key: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>, reason: string): void => {
      if (wanted[key] !== accepted[key] && used.has(wanted[key] ?? '')) refused = { reason, message: `${JSON.stringify(wanted[key])} is already in use` }
      else if (wanted[key]) next[key] = wanted[key]
    }
    take('plural', resources, 'PluralConflict')
    take('singular', resources, 'SingularConflict')
    const taken = (wanted.shortNames ?? []).filter((short) => !accepted.shortNames?.includes(short) && resources.has(short))
    if (taken.length > 0) {
      const texts = taken.map((short) => `${JSON.stringify(short)} is already in use`)
      refused = { reason: 'ShortNamesConflict', message: texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]` }
    } else if (wanted.shortNames) next.shortNames = wanted.shortNames
    else delete next.shortNames
    take('kind', kinds, 'KindConflict')
    take('listKind', kinds, 'ListKindConflict')
    if (wanted.categories) next.categories = wanted.categories
    else delete next.categories
    const conditions: DefinitionCondition[] = [
      refused ? { type: 'NamesAccepted', status: 'False', ...refused } : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
    ]
    if (!isTrue(definition, 'Established')) {
      conditions.push(refused
        ? (conditionOf(definition, 'Established') ?? { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' })
        : { type: 'Established', status: 'False', reason: 'Installing', message: 'the initial names have been accepted' })
    }
    this.#set(definition, conditions, next)
  }

  /** The approval controller: KEP-1111. True when it wrote something. */
  #approve(definition: CustomResourceDefinition): boolean {
    if (!isProtected(definition.spec.group)) return false
    const approval = definition.metadata.annotations?.['api-approved.kubernetes.io'] ?? ''
    const type = 'KubernetesAPIApprovalPolicyConformant'
    const condition: DefinitionCondition = approval.startsWith('unapproved')
      ? { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(approval)}` }
      : { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` }
    const old = conditionOf(definition, type)
    if (old?.status === condition.status && old.message === condition.message) return false
    this.#set(definition, [condition])
    return true
  }

  #set(definition: CustomResourceDefinition, conditions: readonly DefinitionCondition[], acceptedNames?: DefinitionNames): void {
    const now = timestamp(this.#server.clock.wall())
    let status: DefinitionStatus = { ...definition.status, ...(acceptedNames ? { acceptedNames } : {}) }
    for (const condition of conditions) status = withCondition(status, condition, now)
    if (deepEqual(status, definition.status)) return
    updateObject(this.#server, this.#kind, undefined, definition.metadata.name, { ...definition, status }, { subresource: 'status', fieldManager: 'kube-apiserver', fieldValidation: 'Ignore' })
  }

  /** The finalizer controller: objects go before what defines them. */
  #finalize(definition: CustomResourceDefinition): void {
    const { name, finalizers } = definition.metadata
    if (!finalizers?.includes(CLEANUP)) return
    const server = this.#server
    const established = isTrue(definition, 'Established')
    const storage = definition.spec.versions.find((version) => version.storage)!
    const kind = established ? customKind(definition, storage, storage.name) : undefined
    if (kind) {
      if (conditionOf(definition, 'Terminating')?.reason !== 'InstanceDeletionInProgress') {
        this.#set(definition, [{ type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress', message: 'CustomResource deletion is in progress' }])
        return
      }
      deleteCollection(server, kind, {}, {})
      if (server.store.count(kind.storedAs!) > 0) {
        server.clock.schedule(RECHECK, () => this.#look(name), { background: true })
        return
      }
    }
    const done: DefinitionCondition = kind
      ? { type: 'Terminating', status: 'False', reason: 'InstanceDeletionCompleted', message: 'removed all instances' }
      : { type: 'Terminating', status: 'False', reason: 'NeverEstablished', message: 'resource was never established' }
    this.#set(definition, [done])
    const last = this.#get(name)!
    const rest = last.metadata.finalizers!.filter((finalizer) => finalizer !== CLEANUP)
    const metadata = { ...last.metadata }
    if (rest.length > 0) metadata.finalizers = rest
    else delete metadata.finalizers
    const next: KubeObject = { ...last, metadata }
    if (rest.length > 0) server.commit(this.#kind, next)
    else removeObject(server, this.#kind, next)
  }

  /** Gives the API server the kinds that there are now. */
  #serveEstablished(): void {
    const definitions = this.#all().filter((definition) => isTrue(definition, 'Established'))
    const names = new Set(definitions.map((definition) => definition.metadata.name))
    let changed = false
    for (const name of [...this.#served.keys()]) if (!names.has(name)) changed = this.#served.delete(name) || changed
    for (const definition of definitions) {
      const before = this.#served.get(definition.metadata.name)?.definition
      if (before && before.spec === definition.spec && before.status.acceptedNames === definition.status.acceptedNames && before.metadata.deletionTimestamp === definition.metadata.deletionTimestamp) continue
      if (before && deepEqual(before.spec, definition.spec) && deepEqual(before.status.acceptedNames, definition.status.acceptedNames) && before.metadata.deletionTimestamp === definition.metadata.deletionTimestamp) continue
      const served = definition.spec.versions.filter((version) => version.served).sort((a, b) => compareVersions(a.name, b.name))
      this.#served.set(definition.metadata.name, { definition, kinds: served.map((version) => customKind(definition, version, served[0]!.name)) })
      changed = true
    }
    if (changed) this.#serve([...this.#served.values()].flatMap(({ kinds }) => kinds).sort((a, b) => (a.resource.group < b.resource.group ? -1 : a.resource.group > b.resource.group ? 1 : 0)))
  }
}

import { claimClass, CLAIM_PROTECTION, SELECTED_NODE } from '../kinds/storage.ts'
import type { PersistentVolumeClaim, Pod, StorageClass } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import { type Informer, keyOf } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { isTerminal } from './pods.ts'
import { WorkQueue } from './workqueue.ts'

/** kube-controller-manager's --pvclaimbinder-sync-period: as often a claim that found no volume says so. */
const RESYNC = 15_000

/** Claims of storage in a cluster without storage: each says why it waits (pkg/controller/volume/persistentvolume). */
export class VolumeClaimController implements Controller {
  readonly #context: ControllerContext
  readonly #claims: Informer<PersistentVolumeClaim>
  readonly #classes: Informer<StorageClass>
  readonly #pods: Informer<Pod>
  readonly #events: EventRecorder
  readonly #queue: WorkQueue
  readonly #leaving = new Set<string>()

  constructor(context: ControllerContext) {
    this.#context = context
    this.#events = new EventRecorder(context.client, context.clock, 'persistentvolume-controller')
    this.#queue = new WorkQueue(context.clock, (key) => this.#sync(key), context.counts?.('claims'))
    this.#claims = context.informers.of<PersistentVolumeClaim>('persistentvolumeclaims')
    this.#classes = context.informers.of<StorageClass>('storageclasses')
    this.#pods = context.informers.of<Pod>('pods')
    this.#claims.on({
      onAdd: (claim) => this.#queue.add(keyOf(claim)),
      onUpdate: (claim, old) => {
        if (claim.spec !== old.spec || claim.metadata.annotations?.[SELECTED_NODE] !== old.metadata.annotations?.[SELECTED_NODE] || claim.metadata.deletionTimestamp) this.#queue.add(keyOf(claim))
      },
    })
    const podGone = (): void => {
      for (const key of this.#leaving) this.#queue.add(key)
    }
    this.#pods.on({ onUpdate: (pod) => isTerminal(pod) && podGone(), onDelete: podGone })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(key: string): void {
    const claim = this.#claims.byKey(key)
    if (!claim) return void this.#leaving.delete(key)
    if (claim.metadata.deletionTimestamp) return this.#letGo(key, claim)
    if (claim.status.phase === 'Bound') return
    const { type, reason, message } = this.#why(claim)
    this.#events.event(claim, type, reason, message)
    this.#queue.addAfter(key, RESYNC, { background: true })
  }

  #why(claim: PersistentVolumeClaim): { type: 'Normal' | 'Warning'; reason: string; message: string } {
    const wanted = claimClass(claim)
    if (wanted === '') return { type: 'Normal', reason: 'FailedBinding', message: 'no persistent volumes available for this claim and no storage class is set' }
    const found = this.#classes.get(undefined, wanted)
    if (!found) return { type: 'Warning', reason: 'ProvisioningFailed', message: `storageclass.storage.k8s.io "${wanted}" not found` }
    if (found.volumeBindingMode === 'WaitForFirstConsumer' && claim.metadata.annotations?.[SELECTED_NODE] === undefined) {
      const waiting = this.#users(claim).filter((pod) => !pod.spec.nodeName).map((pod) => pod.metadata.name)
      if (waiting.length === 0) return { type: 'Normal', reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' }
      return { type: 'Normal', reason: 'WaitForPodScheduled', message: `waiting for pod${waiting.length > 1 ? 's' : ''} ${waiting.join(',')} to be scheduled` }
    }
    if (found.provisioner.startsWith('kubernetes.io/')) return { type: 'Warning', reason: 'ProvisioningFailed', message: `no volume plugin matched name: ${found.provisioner}` }
    const message =
      `Waiting for a volume to be created either by the external provisioner '${found.provisioner}' or manually by the system administrator. ` +
      'If volume creation is delayed, please verify that the provisioner is running and correctly registered.'
    return { type: 'Normal', reason: 'ExternalProvisioning', message }
  }

  /** pkg/controller/volume/pvcprotection: a claim that is deleted stays as long as a Pod uses it. */
  #letGo(key: string, claim: PersistentVolumeClaim): void {
    const { finalizers = [], name, namespace } = claim.metadata
    if (!finalizers.includes(CLAIM_PROTECTION)) return
    this.#leaving.add(key)
    if (this.#users(claim).some((pod) => !isTerminal(pod) && pod.spec.nodeName)) return
    const others = finalizers.filter((f) => f !== CLAIM_PROTECTION)
    ignoringGone(() => this.#context.client.patch('persistentvolumeclaims', namespace, name, 'application/merge-patch+json', { metadata: { finalizers: others } }))
  }

  #users({ metadata }: PersistentVolumeClaim): Pod[] {
    const uses = (pod: Pod): boolean => pod.metadata.namespace === metadata.namespace && (pod.spec.volumes?.some((v) => v.persistentVolumeClaim?.claimName === metadata.name) ?? false)
    return [...this.#pods.values()].filter(uses)
  }
}

import type { Policy } from '../admission/registration.ts'
import { typeCheck } from '../admission/policies/type-check.ts'
import { type Controller, type ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

const MANAGER = 'validatingadmissionpolicy-status'

/** Says of each ValidatingAdmissionPolicy whether its expressions fit the kinds that they are about: pkg/controller/validatingadmissionpolicystatus. */
export class AdmissionPolicyStatusController implements Controller {
  readonly #context: ControllerContext
  readonly #policies: Informer<Policy>
  readonly #queue: WorkQueue

  constructor(context: ControllerContext) {
    this.#context = context
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name))
    this.#policies = context.informers.of<Policy>('validatingadmissionpolicies')
    const add = ({ metadata }: Policy): void => this.#queue.add(metadata.name)
    this.#policies.on({ onAdd: add, onUpdate: add })
  }

  stop(): void {
    this.#queue.stop()
  }

  #sync(name: string): void {
    const policy = this.#policies.get(undefined, name)
    const { generation = 0 } = policy?.metadata ?? {}
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return
    const { client, clock } = this.#context
    const expressionWarnings = typeCheck(policy, client, Math.floor((clock.now % 1000) * 1e6))
    const status = { observedGeneration: generation, typeChecking: expressionWarnings.length > 0 ? { expressionWarnings } : {} }
    const applied = { apiVersion: policy.apiVersion, kind: policy.kind, metadata: { name }, status }
    ignoringGone(() => client.patch('validatingadmissionpolicies', undefined, name, 'application/apply-patch+yaml', applied, { subresource: 'status', fieldManager: MANAGER, force: true }))
  }
}

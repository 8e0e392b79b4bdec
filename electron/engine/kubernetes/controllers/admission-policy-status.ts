import type { Policy } from '../admission/registration.ts'
import { AGENT_STATUS, type Controller, type ControllerContext } from './context.ts'
import type { Informer } from './informer.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

/**
 * Says of each ValidatingAdmissionPolicy that its expressions have been looked at: pkg/controller/validatingadmissionpolicystatus.
 * Without the types of what they are about there is nothing to warn of.
 */
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
    const { generation } = policy?.metadata ?? {}
    if (!policy || policy.status.observedGeneration === generation) return
    ignoringGone(() => this.#context.client.update('validatingadmissionpolicies', undefined, name, { ...policy, status: { ...policy.status, observedGeneration: generation, typeChecking: {} } }, AGENT_STATUS))
  }
}

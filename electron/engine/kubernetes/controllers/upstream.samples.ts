import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import type { Event, KubeObject } from '../types.ts'
import type { Controller, ControllerContext } from './context.ts'
import { InformerFactory } from './informer.ts'

/** One controller alone looks at objects that are there already; nobody runs the Pods: so upstream's own tests are told again. */
export class Bench {
  readonly clock = new Clock({ seed: 1 })
  readonly client = new ApiServer(this.clock, { freeze: true })

  start(Each: new (context: ControllerContext) => Controller): void {
    new Each({ clock: this.clock, client: this.client, informers: new InformerFactory(this.client), config: parseClusterConfig({}) })
    this.settle()
  }

  settle(): void {
    this.clock.runFor(4000)
  }

  create<T extends KubeObject>(resource: string, object: object): T {
    return this.client.create<T>(resource, 'default', object)
  }

  status(resource: string, name: string, status: object): void {
    this.client.patch(resource, 'default', name, 'application/merge-patch+json', { status }, { subresource: 'status' })
  }

  told(reason: string): number {
    return this.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.reason === reason).reduce((n, e) => n + (e.count ?? 1), 0)
  }
}

export const container = { name: 'c', image: 'x' }

/** Of a Node that a kubelet has registered: it comes without the taint of one that is not ready. */
export const READY = { conditions: [{ type: 'Ready', status: 'True' }] }

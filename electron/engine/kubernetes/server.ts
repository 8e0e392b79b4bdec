import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Admission } from './admission/admission.ts'
import type { Context, Kind } from './kinds/kind.ts'
import type { ServiceAllocator } from './service-allocator.ts'
import type { Store } from './store.ts'
import type { KubeObject } from './types.ts'

/** What the parts of the API server share. */
export interface Server {
  readonly clock: Clock
  readonly store: Store
  readonly services: ServiceAllocator
  readonly names: Random
  readonly uids: Random
  readonly freeze: boolean
  /** Whether metadata.managedFields is kept. */
  readonly recordsOwners: boolean
  /** Webhooks and policies; absent where nobody asks them. */
  readonly admission?: Admission
  kind(resource: string): Kind
  context(dryRun: boolean): Context
  /** Puts a new version of an object into the store. */
  commit(kind: Kind, object: KubeObject): KubeObject
}

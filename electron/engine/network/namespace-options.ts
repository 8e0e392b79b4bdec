import type { Clock } from '../clock.ts'
import type { JourneyRecorder } from '../journey/recorder.ts'
import type { Random } from '../random.ts'
import type { Layers } from './layers.ts'
import type { BaseLink } from './link.ts'
import type { NetworkNamespace, NewLink } from './types.ts'

/** What a network namespace is made of and with. */
export interface NamespaceOptions {
  clock: Clock
  recorder: JourneyRecorder
  /** Jitter, ports and identifiers come from here. */
  random: Random
  layers: Layers
  id: number
  name: string
  machine: string
  kind: NetworkNamespace['kind']
  /** Whether it speaks IPv6 from the start; else net.ipv6.conf.all.disable_ipv6 is 1. */
  ipv6?: boolean
  /** False: as the kernel makes it (unshare(2)), with everything down. */
  loUp?: boolean
  createLink: (network: NetworkNamespace, name: string, spec: NewLink) => BaseLink
  /** Called when it has been destroyed. */
  onDestroy?: () => void
}

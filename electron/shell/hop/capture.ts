import { writePcap, type CapturedFrame, type Cluster, type Journey } from '../../engine/cluster.ts'

/** Collects the frames of one journey on every link that it crosses, for a pcap file. */
export class JourneyCapture {
  #stops: (() => void)[]
  #frames: CapturedFrame[] = []

  constructor(cluster: Cluster) {
    // a frame is seen when it leaves an interface, so that each crossing is in the file once
    this.#stops = cluster.networks().map((network) =>
      network.capture('any', (frame) => {
        if (frame.direction === 'out') this.#frames.push(frame)
      }),
    )
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  pcap(journey: Journey, epoch: number): Uint8Array {
    return writePcap(this.#frames.filter((f) => trailOf(f)?.journey.id === journey.id), epoch)
  }
}

function trailOf({ frame: { payload } }: CapturedFrame): { journey: Journey } | undefined {
  return payload.kind === 'arp' ? payload.trail : payload.meta.trail
}

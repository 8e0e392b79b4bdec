import { copyFrame, encodePcap, type CapturedFrame, type Cluster, type Journey } from '../../engine/cluster.ts'

/** Collects the frames of one journey on every link that it crosses, for a pcap file. */
export class JourneyCapture {
  #stops: (() => void)[]
  #frames: { at: number; frame: CapturedFrame['frame']; journey: Journey }[] = []

  constructor(cluster: Cluster) {
    // a frame is seen when it leaves an interface, so that each crossing is in the file once
    this.#stops = cluster.networks().map((network) =>
      network.capture('any', ({ at, direction, frame }) => {
        const journey = direction === 'out' ? trailOf(frame)?.journey : undefined
        // the frame goes on, and is changed on its way
        if (journey) this.#frames.push({ at: cluster.clock.epoch + at, frame: copyFrame(frame), journey })
      }),
    )
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  pcap(journey: Journey): Uint8Array {
    return encodePcap(this.#frames.filter((f) => f.journey === journey))
  }
}

function trailOf({ payload }: CapturedFrame['frame']): { journey: Journey } | undefined {
  return payload.kind === 'arp' ? payload.trail : payload.meta.trail
}

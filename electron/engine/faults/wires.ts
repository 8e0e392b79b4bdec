import type { Impairment, Nic } from '../network/switch.ts'
import { duration, percent, wholeNumber } from './arguments.ts'
import { controlPlaneOf, FaultError, nodeOf, OUTSIDE, runningNode, type FaultKind, type FaultWorld } from './fault.ts'

/** The wires of the underlay: link-down, packet-loss, slow-link and mtu. */

function portOf(world: FaultWorld, name: string): Nic {
  return name === OUTSIDE ? world.router : nodeOf(world, name).nic
}

export const linkDown: FaultKind = {
  name: 'link-down',
  places: ['MACHINE', 'MACHINE'],
  options: [],
  symmetric: true,
  summary: 'cuts the wire between two machines, as a broken switch or a firewall between them',
  help: [
    'Both machines stay up and do not notice: nothing of one reaches the other, everything else passes.',
    'A and B are nodes; "outside" is the router to the outside world. A node that is cut off from the',
    "control plane's goes NotReady after 50 s, and its Pods are evicted, though they run on.",
  ],
  apply(world, { places: [a, b] }) {
    const [one, other] = [portOf(world, a!), portOf(world, b!)]
    const cause = `link-down/${a}/${b}`
    const control = controlPlaneOf(world).name
    const cutOff = a === control ? b! : b === control ? a! : undefined
    world.underlay.connect(one, other, false)
    if (cutOff !== undefined && cutOff !== OUTSIDE) world.blockApi(cause, 'i/o timeout', [cutOff])
    return {
      text: `the wire between ${a} and ${b} is cut`,
      nodes: [],
      wire: { a: a!, b: b!, cut: true, word: 'cut' },
      broken: () => !world.underlay.connected(one, other),
      clear: () => {
        world.underlay.connect(one, other, true)
        if (cutOff !== undefined && cutOff !== OUTSIDE) world.unblockApi(cause, [cutOff])
      },
    }
  },
}

function impaired(world: FaultWorld, a: string, b: string, what: Impairment, none: Impairment, word: string, text: string): ReturnType<FaultKind['apply']> {
  const [one, other] = [portOf(world, a), portOf(world, b)]
  const key = Object.keys(what)[0] as keyof Impairment
  world.underlay.impair(one, other, what)
  return {
    text,
    nodes: [],
    wire: { a, b, cut: false, word },
    broken: () => (world.underlay.impairment(one, other)[key] ?? 0) > 0,
    clear: () => world.underlay.impair(one, other, none),
  }
}

export const packetLoss: FaultKind = {
  name: 'packet-loss',
  places: ['MACHINE', 'MACHINE'],
  options: [{ name: 'loss', value: 'PERCENT', preset: '20%', about: 'the share of the packets that is lost, as 20%' }],
  symmetric: true,
  summary: 'loses some of the packets between two machines, by chance',
  help: [
    'Each packet, either way, is lost with the given probability; which ones follows from the seed.',
    'TCP sends again and gets slow; UDP (DNS) times out and is asked again.',
  ],
  apply(world, { places: [a, b], options }) {
    const loss = percent('loss', options['loss']!)
    const share = `${Math.round(loss * 1000) / 10}%`
    return impaired(world, a!, b!, { loss }, { loss: 0 }, `${share} loss`, `${share} of the packets between ${a} and ${b} are lost`)
  },
}

const MOST_DELAY = 10_000

export const slowLink: FaultKind = {
  name: 'slow-link',
  places: ['MACHINE', 'MACHINE'],
  options: [{ name: 'delay', value: 'TIME', preset: '200ms', about: 'what each packet takes longer, as 200ms' }],
  symmetric: true,
  summary: 'makes every packet between two machines late',
  help: ['Each packet, either way, arrives later by the given time; a round trip takes twice that. Order is kept.'],
  apply(world, { places: [a, b], options }) {
    const delay = duration('delay', options['delay']!, MOST_DELAY)
    return impaired(world, a!, b!, { delay }, { delay: 0 }, `+${options['delay']}`, `packets between ${a} and ${b} take ${options['delay']} longer`)
  },
}

export const mtu: FaultKind = {
  name: 'mtu',
  places: ['NODE'],
  options: [{ name: 'mtu', value: 'BYTES', preset: '1400', about: 'the longest packet of the network card, as 1400' }],
  summary: "lowers the MTU of a node's network card",
  help: [
    'As `ip link set eth0 mtu 1400` on one node of many. Small packets pass: ping, DNS and handshakes work,',
    'long answers do not. What the node sends itself is cut or refused with ICMP "fragmentation needed";',
    'what others send to it is too long for its card and vanishes without a word. No agent mends it.',
  ],
  apply(world, { places: [name], options }) {
    const { network, nic } = runningNode(world, name!)
    const before = nic.mtu
    const bytes = wholeNumber('mtu', options['mtu']!, 576, 9000)
    if (bytes >= before) throw new FaultError(`--mtu ${bytes}: ${nic.name} of ${name} has an MTU of ${before}; expected less`)
    nic.mtu = bytes
    network.changed()
    return {
      text: `${nic.name} of ${name} takes packets of at most ${bytes} bytes`,
      nodes: [name!],
      broken: () => nic.mtu === bytes,
      clear: () => {
        if (nic.mtu === bytes) nic.mtu = before
        network.changed()
      },
    }
  },
}

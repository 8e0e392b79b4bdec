import { duration } from './arguments.ts'
import { controlPlaneOf, FaultError, nodeOf, type FaultKind, type FaultWorld } from './fault.ts'

/** Whole machines that go: node-down and node-reboot. */

/** With the control plane's machine the API server is gone, too. */
function powerOff(world: FaultWorld, name: string, cause: string): void {
  const node = nodeOf(world, name)
  if (!node.on) throw new FaultError(`${name} is switched off already`)
  const everybody = node === controlPlaneOf(world)
  world.blockApi(cause, 'connect: no route to host', everybody ? undefined : [name])
  node.powerOff()
}

function powerOn(world: FaultWorld, name: string, cause: string): void {
  const node = nodeOf(world, name)
  world.unblockApi(cause, node === controlPlaneOf(world) ? undefined : [name], name)
  if (!node.on) node.powerOn()
}

export const nodeDown: FaultKind = {
  name: 'node-down',
  places: ['NODE'],
  options: [],
  summary: 'switches a machine off: kubelet, containers and network card',
  help: [
    'Everything on the machine ends at once, and nobody is told. Its Node goes NotReady (status Unknown)',
    'after 50 s without a sign of life and is tainted; Pods are evicted after their toleration, 300 s.',
    'Until the machine is back they stay Terminating: only its kubelet can say that they are gone.',
    'Clearing switches it on. Its kernel begins anew: without rules, routes and connections but those',
    'that agents write again; containers start again, with one more restart.',
  ],
  apply(world, { places: [name] }) {
    const cause = `node-down/${name}`
    powerOff(world, name!, cause)
    return {
      text: `${name} is switched off`,
      nodes: [name!],
      broken: () => !nodeOf(world, name!).on,
      clear: () => powerOn(world, name!, cause),
    }
  },
}

const MOST = 86_400_000

export const nodeReboot: FaultKind = {
  name: 'node-reboot',
  places: ['NODE'],
  options: [{ name: 'for', value: 'TIME', preset: '30s', about: 'how long the machine is away' }],
  summary: 'switches a machine off and, after a while, on again',
  help: [
    'As node-down, and the machine comes back by itself. A reboot of less than 50 s is over before the',
    'control plane calls the node NotReady; what ran on it has one restart more (last state: Unknown, 255).',
    'Clearing before its time switches the machine on at once.',
  ],
  apply(world, { places: [name], options }, done) {
    const time = duration('for', options['for']!, MOST)
    const cause = `node-reboot/${name}`
    powerOff(world, name!, cause)
    const timer = world.clock.schedule(time, () => {
      powerOn(world, name!, cause)
      done()
    })
    return {
      text: `${name} restarts and is back ${options['for']} after it went`,
      nodes: [name!],
      broken: () => !nodeOf(world, name!).on,
      clear: () => {
        world.clock.cancel(timer)
        powerOn(world, name!, cause)
      },
    }
  },
}

import { controlPlaneOf, type FaultKind } from './fault.ts'

/** The control plane: apiserver-down. */

const CAUSE = 'apiserver-down'

export const apiserverDown: FaultKind = {
  name: 'apiserver-down',
  places: [],
  options: [],
  summary: 'stops the API server: kubectl is refused, traffic goes on',
  help: [
    'Nobody listens on port 6443. Nothing is scheduled, healed or rolled out, and agents keep to what they',
    'learned before; rules, routes and running containers stay, so traffic goes on. When it is back, agents',
    'connect again within 30 s and learn what changed.',
  ],
  apply(world) {
    world.blockApi(CAUSE, 'connect: connection refused')
    let blocked = true
    return {
      text: 'the API server does not run',
      nodes: [controlPlaneOf(world).name],
      broken: () => blocked,
      clear: () => {
        blocked = false
        world.unblockApi(CAUSE)
      },
    }
  },
}

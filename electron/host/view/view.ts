import { clusterChoices, parseClusterConfig, replacesKubeProxy, type ClusterConfig } from '../../engine/cluster.ts'
import type { AppView, ClusterSettings, TerminalView, ViewModel } from '../../bridge/view.ts'
import { portForwards } from '../../lab/checks/simple.ts'
import type { LabShelf } from '../packs/shelf.ts'
import type { ProgressStore } from '../progress.ts'
import type { Session } from '../session/session.ts'
import type { Tools } from '../tools/tools.ts'
import { journeyViews } from './journeys.ts'
import { catalogView, labView, packViews } from './lab.ts'
import { topologyView } from './topology.ts'

const NOTHING = { outside: {}, nodes: {}, pods: {}, services: {}, links: {} }

const CHOICES = clusterChoices()

function settingsOf({ nodes, cni, cniOptions, proxyMode, ipFamilies, cloud, ingressController }: ClusterConfig = parseClusterConfig({})): ClusterSettings {
  return { nodes: nodes.length, cni, cniOptions: { ...cniOptions }, proxyMode, ipFamilies: ipFamilies.join(), cloud, ingressController }
}

/** The whole view model of this moment. */
export function buildView(session: Session, shelf: Pick<LabShelf, 'labs' | 'packs'>, progress: ProgressStore, tools: Tools, app: Omit<AppView, 'busy' | 'tools'>): ViewModel {
  const { cluster } = session
  return {
    app: { ...app, tools: tools.view(), busy: session.busy },
    cluster: {
      world: session.worlds,
      name: 'podhop',
      kubernetesVersion: cluster?.client.serverVersion().gitVersion ?? '',
      cni: cluster?.config.cni ?? '',
      proxyMode: cluster ? (replacesKubeProxy(cluster.config) ? `${cluster.config.cni}'s own` : cluster.config.proxyMode) : '',
      nodes: cluster?.nodes.size ?? 0,
      settings: settingsOf(cluster?.config),
      choices: CHOICES,
      faults: Object.fromEntries((cluster?.faults.active ?? []).map(({ id, text }) => [id, { id, text }])),
      faultKinds: (cluster?.faults.available ?? []).map(({ name, usage, summary, places, options }) => ({ name, usage, summary, places, options })),
      clock: { now: cluster?.clock.now ?? 0, epoch: cluster?.clock.epoch ?? 0, ...session.time },
    },
    topology: cluster && !session.busy ? topologyView(cluster) : NOTHING,
    lab: session.run && !session.busy ? labView(session.run) : null,
    catalog: catalogView(shelf.labs, progress),
    packs: packViews(shelf.packs),
    terminals: { ...terminalViews(session), ...hostTerminalViews(tools) },
    journeys: session.journeys ? journeyViews(session.journeys) : {},
    portForwards: cluster
      ? Object.fromEntries(
          portForwards({ cluster }).map((f) => [String(f.localPort), { id: String(f.localPort), localPort: f.localPort, target: f.target, real: session.realPorts.includes(f.localPort) }]),
        )
      : {},
  }
}

function hostTerminalViews({ terminals }: Tools): Record<string, TerminalView> {
  return Object.fromEntries(terminals.ids.map((id) => [id, { id, title: `Your machine ${id.slice(1)}`, kind: 'host' as const, ...terminals.size(id) }]))
}

function terminalViews(session: Session): Record<string, TerminalView> {
  return Object.fromEntries(session.terminalIds.map((id) => [id, { id, title: `Terminal ${id.slice(1)}`, kind: 'lab' as const, ...session.terminalSize(id) }]))
}

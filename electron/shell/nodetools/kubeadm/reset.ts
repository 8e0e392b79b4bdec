import type { Cluster, NodeView, Process, Task } from '../../../engine/cluster.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { KubeadmError, NotSimulated } from './client.ts'

const FOLDER = '/etc/kubernetes'
/** What is emptied, and what is deleted: cmd/kubeadm/app/cmd/phases/reset/cleanupnode.go. */
const DIRECTORIES = [`${FOLDER}/manifests`, '/var/lib/kubelet', `${FOLDER}/pki`]
const FILES = ['admin.conf', 'super-admin.conf', 'kubelet.conf', 'bootstrap-kubelet.conf', 'controller-manager.conf', 'scheduler.conf'].map((name) => `${FOLDER}/${name}`)

const LEFT = `The reset process does not perform cleanup of CNI plugin configuration,
network filtering rules and kubeconfig files.

For information on how to perform this cleanup manually, please see:
    https://k8s.io/docs/reference/setup-tools/kubeadm/kubeadm-reset/

`

/** kubeadm reset: a worker leaves the cluster; its Node stays until somebody deletes it. */
export function* reset(process: Process, cluster: Cluster, words: readonly string[]): Task<string> {
  const given = new FlagSet(flags(`-f --force bool\n--cert-dir string=${FOLDER}/pki\n--cleanup-tmp-dir bool\n--config string=\n--cri-socket string=\n--dry-run bool\n--ignore-preflight-errors slice=\n--kubeconfig string=\n--skip-phases slice=`))
  given.parse(words)
  const view = cluster.nodeView(process.machine)
  if (!view) throw new KubeadmError('the kubelet of this machine is not known')
  for (const flag of ['cert-dir', 'cleanup-tmp-dir', 'config', 'dry-run', 'skip-phases']) if (given.changed(flag)) throw new NotSimulated(`kubeadm reset --${flag} (use it without)`)
  const isControlPlane = cluster.config.nodes.some(({ name, role }) => name === view.name && role === 'control-plane')
  if (isControlPlane) throw new NotSimulated('kubeadm reset of the control plane (reset a worker; a lab or session that is begun anew has a fresh control plane)')
  if (!given.bool('force') && !(yield* confirmed(process))) throw new KubeadmError('aborted reset operation')
  yield* process.print('[preflight] Running pre-flight checks\n')
  yield* process.printError(`W${klogTime(process)} ${String(process.pid).padStart(7)} removeetcdmember.go:106] [reset] No kubeadm config, using etcd pod spec to get data directory\n`)
  yield* process.print('[reset] Deleted contents of the etcd data directory: /var/lib/etcd\n')
  yield* process.print('[reset] Stopping the kubelet service\n')
  view.services.stop('kubelet')
  yield* process.print('[reset] Unmounting mounted directories in "/var/lib/kubelet"\n')
  yield* removePods(process, view)
  yield* process.print(`[reset] Deleting contents of directories: [${DIRECTORIES.join(' ')}]\n`)
  const { fs } = process
  for (const folder of DIRECTORIES) if (fs.exists(folder)) for (const name of fs.readDirectory(folder)) fs.remove(`${folder}/${name}`, { recursive: true })
  yield* process.print(`[reset] Deleting files: [${FILES.join(' ')}]\n`)
  for (const file of FILES) if (fs.exists(file)) fs.remove(file)
  return `\n${LEFT}`
}

function* confirmed(process: Process): Task<boolean> {
  yield* process.printError(`W${klogTime(process)} ${String(process.pid).padStart(7)} preflight.go:56] [reset] WARNING: Changes made to this host by 'kubeadm init' or 'kubeadm join' will be reverted.\n`)
  yield* process.print('[reset] Are you sure you want to proceed? [y/N]: ')
  const answer = ((yield* process.readLine()) ?? '').trim().toLowerCase()
  return answer === 'y' || answer === 'yes'
}

/** klog's "0105 08:00:00.000000". */
function klogTime({ clock }: Process): string {
  const at = new Date(clock.wall()).toISOString()
  return `${at.slice(5, 7)}${at.slice(8, 10)} ${at.slice(11, 23)}000`
}

/** Each sandbox is stopped and removed, as the container runtime is asked to. */
function* removePods(process: Process, view: NodeView): Task {
  for (const sandbox of view.runtime.sandboxes()) {
    if (sandbox.ready) {
      view.runtime.stopSandbox(sandbox)
      yield* process.sleep(200, { background: false })
    }
    view.runtime.removeSandbox(sandbox)
  }
}

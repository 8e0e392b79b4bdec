import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { chroot } from './chroot.ts'
import { crictl } from './crictl/index.ts'
import { ctr } from './ctr/index.ts'
import { hostnamectl } from './hostnamectl.ts'
import { journalctl } from './journalctl.ts'
import { lsns, nsenter } from './nsenter.ts'
import { pstree } from './pstree.ts'
import { systemctl } from './systemctl.ts'

/** Registers what an administrator uses on a node besides the network tools. */
export function registerNodeTools(cluster: Cluster): void {
  const { programs } = cluster
  programs.register('crictl', crictl(cluster))
  programs.register('nsenter', nsenter)
  programs.register('lsns', lsns)
  programs.register('chroot', chroot(cluster))
  programs.register('busybox:chroot', chroot(cluster, true))
  programs.register('ctr', ctr(cluster))
  programs.register('hostnamectl', hostnamectl(cluster))
  programs.register('journalctl', journalctl(cluster))
  programs.register('pstree', pstree)
  programs.register('systemctl', systemctl(cluster))
  programs.register('kubeadm', kubeadm)
  programs.register('kubelet', kubelet)
}

/** systemd runs it; by hand there is nothing that it could add. */
function* kubelet(process: Process): Task<number> {
  if (process.argv.some((word) => /^--version(=true)?$/.test(word))) {
    yield* process.print('Kubernetes v1.33.1\n')
    return 0
  }
  yield* process.printError('podhop: not simulated: kubelet by hand (use systemctl start kubelet)\n')
  return 69
}

/** There is nothing that it could set up: the cluster is there, and its certificates are made up. */
function* kubeadm(process: Process): Task<number> {
  if (process.argv[1] === 'version') {
    yield* process.print(process.argv.includes('short') || process.argv.includes('-o=short') ? 'v1.33.1\n' : 'kubeadm version: &version.Info{Major:"1", Minor:"33", EmulationMajor:"", EmulationMinor:"", MinCompatibilityMajor:"", MinCompatibilityMinor:"", GitVersion:"v1.33.1", GitCommit:"8adc0f041b8e7ad1d30e29cc59c6ae7a15e19828", GitTreeState:"clean", BuildDate:"2025-05-15T08:25:54Z", GoVersion:"go1.24.2", Compiler:"gc", Platform:"linux/amd64"}\n')
    return 0
  }
  yield* process.printError(`podhop: not simulated: kubeadm ${process.argv[1] ?? ''} (the cluster is set up already; a cluster file says how: podhop run --cluster)\n`.replace('kubeadm  (', 'kubeadm ('))
  return 69
}

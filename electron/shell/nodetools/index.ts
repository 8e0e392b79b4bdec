import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { chroot } from './chroot.ts'
import { crictl } from './crictl/index.ts'
import { ctr } from './ctr/index.ts'
import { etcdctl, etcdutl } from './etcd/index.ts'
import { hostnamectl } from './hostnamectl.ts'
import { journalctl } from './journalctl.ts'
import { kubeadm } from './kubeadm/index.ts'
import { lsns, nsenter } from './nsenter.ts'
import { pstree } from './pstree.ts'
import { ssh } from './ssh/index.ts'
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
  programs.register('ssh', ssh(cluster))
  programs.register('systemctl', systemctl(cluster))
  programs.register('kubeadm', kubeadm(cluster))
  programs.register('kubelet', kubelet)
  programs.register('etcdctl', etcdctl)
  programs.register('etcdutl', etcdutl)
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

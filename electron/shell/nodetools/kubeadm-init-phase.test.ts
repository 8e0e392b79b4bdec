import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const ON = 'hop node control-plane --'
const TAIL = 'To see the stack trace of this error execute with --v=5 or higher\n'

it('kubeadm init phase certs keeps what is there', () => {
  const { run } = house()
  expect(run(`${ON} kubeadm init phase certs all`)).toEqual({ code: 0, output: `[certs] Using certificateDir folder "/etc/kubernetes/pki"
[certs] Using existing ca certificate authority
[certs] Using existing apiserver certificate and key on disk
[certs] Using existing apiserver-kubelet-client certificate and key on disk
[certs] Using existing front-proxy-ca certificate authority
[certs] Using existing front-proxy-client certificate and key on disk
[certs] Using existing etcd/ca certificate authority
[certs] Using existing etcd/server certificate and key on disk
[certs] Using existing etcd/peer certificate and key on disk
[certs] Using existing etcd/healthcheck-client certificate and key on disk
[certs] Using existing apiserver-etcd-client certificate and key on disk
[certs] Using the existing "sa" key
` })
})

it('a certificate that is lost, or lacks a name, is made anew as every guide has it', () => {
  const { run } = house()
  const pki = (script: string): string => run(`${ON} sh -c 'cd /etc/kubernetes/pki; ${script}'`).output
  expect(pki('rm apiserver.crt apiserver.key; kubeadm init phase certs apiserver --apiserver-cert-extra-sans=lab.example.com,10.0.0.9')).toBe(
    '[certs] Generating "apiserver" certificate and key\n[certs] apiserver serving cert is signed for DNS names [control-plane kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local lab.example.com] and IPs [10.96.0.1 172.18.0.2 10.0.0.9]\n',
  )
  expect(pki('openssl verify -CAfile ca.crt apiserver.crt; openssl x509 -noout -ext subjectAltName < apiserver.crt | grep -c lab.example.com; ls -l apiserver.key | cut -c1-10')).toBe('apiserver.crt: OK\n1\n-rw-------\n')
  expect(pki('rm etcd/peer.*; kubeadm init phase certs etcd-peer; openssl verify -CAfile etcd/ca.crt etcd/peer.crt')).toBe('[certs] Generating "etcd/peer" certificate and key\n[certs] etcd/peer serving cert is signed for DNS names [localhost control-plane] and IPs [172.18.0.2 127.0.0.1 ::1]\netcd/peer.crt: OK\n')
  // half of a pair is not guessed, and an authority's key is needed
  expect(pki('rm front-proxy-client.key; kubeadm init phase certs front-proxy-client')).toBe(`error: error execution phase certs/front-proxy-client: [certs] failure loading front-proxy-client certificate: couldn't load the private key file /etc/kubernetes/pki/front-proxy-client.key: open /etc/kubernetes/pki/front-proxy-client.key: no such file or directory\n${TAIL}`)
  expect(pki('rm ca.key apiserver-kubelet-client.*; kubeadm init phase certs apiserver-kubelet-client')).toContain("couldn't load CA key ca")
  expect(pki('cp etcd/server.crt apiserver.crt; kubeadm init phase certs apiserver')).toContain('[certs] certificate apiserver not signed by CA certificate ca')
})

it('a kubeconfig that is lost is written anew, and lets in whom it names', () => {
  const { run } = house()
  const on = (script: string): string => run(`${ON} sh -c '${script}'`).output
  expect(on('kubeadm init phase kubeconfig admin')).toBe('[kubeconfig] Using existing kubeconfig file: "/etc/kubernetes/admin.conf"\n')
  expect(on('rm /etc/kubernetes/*.conf; kubeadm init phase kubeconfig all')).toBe(`[kubeconfig] Using kubeconfig folder "/etc/kubernetes"\n${['admin', 'super-admin', 'kubelet', 'controller-manager', 'scheduler'].map((part) => `[kubeconfig] Writing "${part}.conf" kubeconfig file\n`).join('')}`)
  const who = (part: string): string => on(`kubectl --kubeconfig /etc/kubernetes/${part}.conf auth whoami -o jsonpath="{.status.userInfo.username} {.status.userInfo.groups}"`)
  expect(who('admin')).toBe('kubernetes-admin ["kubeadm:cluster-admins","system:authenticated"]')
  expect(who('super-admin')).toBe('kubernetes-super-admin ["system:masters","system:authenticated"]')
  expect(who('scheduler')).toBe('system:kube-scheduler ["system:authenticated"]')
  expect(who('kubelet')).toBe('system:node:control-plane ["system:nodes","system:authenticated"]')
})

it('mark-control-plane gives a node its role and its taint back', () => {
  const { run } = house()
  run('kubectl taint node control-plane node-role.kubernetes.io/control-plane-; kubectl label node control-plane node-role.kubernetes.io/control-plane-')
  const marked = (node: string): string => `[mark-control-plane] Marking the node ${node} as control-plane by adding the labels: [node-role.kubernetes.io/control-plane node.kubernetes.io/exclude-from-external-load-balancers]\n[mark-control-plane] Marking the node ${node} as control-plane by adding the taints [node-role.kubernetes.io/control-plane:NoSchedule]\n`
  expect(run(`${ON} kubeadm init phase mark-control-plane`).output).toBe(marked('control-plane'))
  expect(run(`${ON} kubeadm init phase mark-control-plane`).output).toBe(marked('control-plane'))
  expect(run("kubectl get node control-plane --no-headers | awk '{print $3}'; kubectl get node control-plane -o jsonpath='{.spec.taints}'").output).toBe('control-plane\n[{"effect":"NoSchedule","key":"node-role.kubernetes.io/control-plane"}]')
  expect(run(`${ON} kubeadm init phase mark-control-plane --node-name none`)).toEqual({ code: 1, output: `error: error execution phase mark-control-plane: error applying control-plane label and taints: nodes "none" not found\n${TAIL}` })
})

it('says what it does not do', () => {
  const { run } = house()
  expect(run(`${ON} kubeadm init phase certs none`)).toEqual({ code: 1, output: `error: invalid subcommand "none"\n${TAIL}` })
  for (const words of ['init', 'init phase etcd local', 'init phase certs all --dry-run', 'upgrade apply v1.34.0', 'config migrate']) {
    const { code, output } = run(`${ON} kubeadm ${words}`)
    expect([words, code, output.startsWith('podhop: not simulated: kubeadm ')]).toEqual([words, 69, true])
  }
  expect(run('hop node worker-1 -- kubeadm init phase kubeconfig admin').code).toBe(69)
})

it('kubeadm config images list has the images of a version and a repository, and print all defaults', () => {
  const { run } = house()
  const list = (flags: string): string => run(`${ON} kubeadm config images list ${flags}`).output
  expect(list('')).toBe(['kube-apiserver:v1.33.1', 'kube-controller-manager:v1.33.1', 'kube-scheduler:v1.33.1', 'kube-proxy:v1.33.1', 'coredns/coredns:v1.12.0', 'pause:3.10', 'etcd:3.5.21-0'].map((image) => `registry.k8s.io/${image}\n`).join(''))
  expect(list('--image-repository mirror.example.com/k8s --kubernetes-version 1.33.4')).toMatch(/^mirror\.example\.com\/k8s\/kube-apiserver:v1\.33\.4\n(.*\n){3}mirror\.example\.com\/k8s\/coredns:v1\.12\.0\n/)
  expect(run(`${ON} kubeadm config images list --kubernetes-version v1.30.0`).code).toBe(69)
  expect(run(`${ON} kubeadm config print reset-defaults`).output).toMatch(/^apiVersion: kubeadm\.k8s\.io\/v1beta4\ncertificatesDir: \/etc\/kubernetes\/pki\ncriSocket: .*\nkind: ResetConfiguration\ntimeouts:\n/)
  expect(run(`${ON} kubeadm config print upgrade-defaults`).output).toContain('\ndiff: {}\nkind: UpgradeConfiguration\nnode:\n  certificateRenewal: true\n')
  expect(run(`${ON} kubeadm config none`)).toEqual({ code: 1, output: `error: invalid subcommand "none"\n${TAIL}` })
})

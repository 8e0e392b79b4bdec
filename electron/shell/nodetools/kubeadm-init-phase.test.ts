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

it('manifests that are lost are written anew, and the kubelet runs them', () => {
  const { run } = house()
  const on = (script: string): string => run(`${ON} sh -c '${script}'`).output
  const before = on('cat /etc/kubernetes/manifests/kube-scheduler.yaml')
  on('rm /etc/kubernetes/manifests/kube-scheduler.yaml /etc/kubernetes/manifests/kube-controller-manager.yaml; sleep 60')
  expect(run("kubectl -n kube-system get pods -o name | grep -c 'scheduler\\|controller-manager'").output).toBe('0\n')
  expect(on('kubeadm init phase control-plane scheduler')).toBe('[control-plane] Creating static Pod manifest for "kube-scheduler"\n')
  expect(on('kubeadm init phase control-plane all')).toBe(`[control-plane] Using manifest folder "/etc/kubernetes/manifests"\n${['apiserver', 'controller-manager', 'scheduler'].map((part) => `[control-plane] Creating static Pod manifest for "kube-${part}"\n`).join('')}`)
  expect(on('cat /etc/kubernetes/manifests/kube-scheduler.yaml')).toBe(before)
  expect(on('kubeadm init phase etcd local; ls -l /etc/kubernetes/manifests | cut -c1-10')).toBe('[etcd] Creating static Pod manifest for local etcd in "/etc/kubernetes/manifests"\ntotal 16\n-rw-------\n-rw-------\n-rw-------\n-rw-------\n')
  expect(run("sleep 60; kubectl -n kube-system get pods --no-headers | grep 'scheduler\\|controller-manager' | awk '{print $1, $2, $3}'").output).toBe('kube-controller-manager-control-plane 1/1 Running\nkube-scheduler-control-plane 1/1 Running\n')
  expect(run(`${ON} kubeadm init phase control-plane kube-scheduler`)).toEqual({ code: 1, output: `error: invalid subcommand "kube-scheduler"\n${TAIL}` })
})

it('add-ons that somebody deleted come back with their rights, and keep what was made of them', () => {
  const { run } = house()
  run('kubectl -n kube-system delete deployment/coredns service/kube-dns serviceaccount/coredns daemonset/kube-proxy configmap/kube-proxy; kubectl delete clusterrole system:coredns; kubectl delete clusterrolebinding kubeadm:node-proxier system:coredns')
  run(`kubectl -n kube-system patch configmap coredns --type merge -p '{"metadata":{"labels":{"mine":"yes"}}}'`)
  expect(run(`${ON} kubeadm init phase addon all`).output).toBe('[addons] Applied essential addon: CoreDNS\n[addons] Applied essential addon: kube-proxy\n')
  expect(run('kubectl -n kube-system rollout status deployment/coredns; kubectl -n kube-system rollout status daemonset/kube-proxy').output).toMatch(/deployment "coredns" successfully rolled out\n[^]*daemon set "kube-proxy" successfully rolled out\n$/)
  expect(run("kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}'; kubectl -n kube-system get configmap coredns -o jsonpath='{.metadata.labels.mine}'").output).toBe('10.96.0.10yes')
  expect(run('kubectl run q --image=busybox --restart=Never --rm -i --quiet -- nslookup kubernetes.default.svc.cluster.local').output).toContain('Address: 10.96.0.1\n')
  run('kubectl -n kube-system scale deployment coredns --replicas=3')
  expect(run(`${ON} kubeadm init phase addon coredns; kubectl -n kube-system get deployment coredns -o jsonpath='{.spec.replicas}'`).output).toBe('[addons] Applied essential addon: CoreDNS\n3')
})

it('configurations are uploaded, and a token and what makes it work are made', () => {
  const { run } = house()
  run('kubectl -n kube-system delete configmap kubeadm-config kubelet-config; kubectl -n kube-public delete configmap cluster-info; kubectl delete clusterrolebinding kubeadm:kubelet-bootstrap')
  expect(run(`${ON} kubeadm init phase upload-config all`).output).toBe('[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace\n[kubelet] Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster\n')
  expect(run('kubectl -n kube-system get configmap kubeadm-config kubelet-config -o name').output).toBe('configmap/kubeadm-config\nconfigmap/kubelet-config\n')
  const { output } = run(`${ON} kubeadm init phase bootstrap-token`)
  const [, token = ''] = /Using token: (\S+)\n/.exec(output) ?? []
  expect(output.split('\n').slice(1)).toEqual([
    '[bootstrap-token] Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles', '[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to get nodes',
    '[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens to post CSRs in order for nodes to get long term certificate credentials',
    '[bootstrap-token] Configured RBAC rules to allow the csrapprover controller automatically approve CSRs from a Node Bootstrap Token',
    '[bootstrap-token] Configured RBAC rules to allow certificate rotation for all node client certificates in the cluster',
    '[bootstrap-token] Creating the "cluster-info" ConfigMap in the "kube-public" namespace', '',
  ])
  expect(run(`${ON} kubeadm token list`).output).toContain(`${token}   23h `)
  // a worker that left comes back with it
  run('hop node worker-1 -- kubeadm reset -f; kubectl delete node worker-1')
  run(`hop node worker-1 -- kubeadm join 172.18.0.2:6443 --token ${token} --discovery-token-unsafe-skip-ca-verification`)
  expect(run("sleep 30; kubectl get node worker-1 --no-headers | awk '{print $2}'").output).toBe('Ready\n')
})

it('says what it does not do', () => {
  const { run } = house()
  expect(run(`${ON} kubeadm init phase certs none`)).toEqual({ code: 1, output: `error: invalid subcommand "none"\n${TAIL}` })
  for (const words of ['init', 'init phase kubelet-start', 'init phase certs all --dry-run', 'init phase addon all --pod-network-cidr 10.0.0.0/16', 'upgrade apply v1.34.0', 'config migrate']) {
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

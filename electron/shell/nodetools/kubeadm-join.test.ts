import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const TAIL = 'To see the stack trace of this error execute with --v=5 or higher\n'

it('a worker leaves with kubeadm reset, and comes back with a token: its Pods, its certificate, its Node', () => {
  const { run } = house()
  const on = (command: string): { code: number | undefined; output: string } => run(`hop node worker-1 -- ${command}`)
  const token = run('hop node control-plane -- kubeadm token create --print-join-command').output.trim()
  // it is in the cluster already
  expect(on(token).output).toBe(`[preflight] Running pre-flight checks
error: error execution phase preflight: [preflight] Some fatal errors occurred:
\t[ERROR FileAvailable--etc-kubernetes-kubelet.conf]: /etc/kubernetes/kubelet.conf already exists
\t[ERROR Port-10250]: Port 10250 is in use
\t[ERROR FileAvailable--etc-kubernetes-pki-ca.crt]: /etc/kubernetes/pki/ca.crt already exists
[preflight] If you know what you are doing, you can make a check non-fatal with \`--ignore-preflight-errors=...\`
${TAIL}`)
  expect(run('echo n | hop node worker-1 -- kubeadm reset').output).toContain(`[reset] Are you sure you want to proceed? [y/N]: error: aborted reset operation\n${TAIL}`)
  expect(run('echo y | hop node worker-1 -- kubeadm reset').output).toContain('[reset] Stopping the kubelet service\n[reset] Unmounting mounted directories in "/var/lib/kubelet"\n[reset] Deleting contents of directories: [/etc/kubernetes/manifests /var/lib/kubelet /etc/kubernetes/pki]\n')
  expect(on("sh -c 'crictl pods -q; ls /etc/kubernetes/*.conf; systemctl is-active kubelet'").output).toBe("ls: cannot access '/etc/kubernetes/*.conf': No such file or directory\ninactive\n")
  // a kubelet without its files does not start
  expect(on("sh -c 'systemctl start kubelet; sleep 1; systemctl is-active kubelet; systemctl stop kubelet'").output).toBe('activating\n')
  expect(run('sleep 60; kubectl get node worker-1 --no-headers').output).toMatch(/^worker-1 +NotReady +<none> /)
  run('kubectl delete node worker-1')
  expect(on(token).output).toMatch(/\[kubelet-start\] Waiting for the kubelet to perform the TLS Bootstrap\n\nThis node has joined the cluster:\n/)
  expect(run('kubectl get csr --no-headers').output).toMatch(/^csr-\w{5} +\d+s +kubernetes.io\/kube-apiserver-client-kubelet +system:bootstrap:\w{6} +<none> +Approved,Issued\n$/)
  expect(run('sleep 20; kubectl get node worker-1 --no-headers').output).toMatch(/^worker-1 +Ready +<none> +2\ds /)
  expect(run('kubectl get pods -A --field-selector spec.nodeName=worker-1 --no-headers').output).toMatch(/kube-flannel-ds-\w+ +1\/1 +Running [\s\S]*kube-proxy-\w+ +1\/1 +Running /)
  expect(on("sh -c 'openssl x509 -noout -subject -issuer < /var/lib/kubelet/pki/kubelet-client-current.pem; ls /etc/kubernetes'").output).toBe('subject=O = system:nodes, CN = system:node:worker-1\nissuer=CN = kubernetes\nkubelet.conf\nmanifests\npki\n')
})

it('kubeadm join says why it does not', () => {
  const { run } = house()
  const on = (words: string): string => run(`hop node worker-1 -- kubeadm join ${words}`).output
  const fails = (why: string): string => `error: ${why}\n${TAIL}`
  const id = (why: string): string => `[preflight] Running pre-flight checks\n${fails(`error execution phase preflight: couldn't validate the identity of the API Server: ${why}`)}`
  run('hop node worker-1 -- kubeadm reset -f')
  const [, token = '', hash = ''] = /--token (\S+) .*sha256:(\S+)/.exec(run('hop node control-plane -- kubeadm token create --print-join-command').output) ?? []
  expect(on('')).toBe(fails('discovery: Invalid value: "": bootstrapToken or file must be set'))
  expect(on(`172.18.0.2:6443 --token ${token}`)).toContain('discovery.bootstrapToken: Invalid value: "": using token-based discovery without caCertHashes can be unsafe.')
  expect(on(`172.18.0.2:6443 --token abc --discovery-token-ca-cert-hash sha256:${hash}`)).toBe(fails('[discovery.bootstrapToken.token: Invalid value: "abc": the bootstrap token is invalid, discovery.tlsBootstrapToken: Invalid value: "abc": the bootstrap token is invalid]'))
  expect(on(`172.18.0.2:6443 --token ${token} --discovery-token-ca-cert-hash sha256:${'0'.repeat(64)}`)).toBe(id(`cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "sha256:${hash}" are pinned`))
  expect(on(`172.18.0.2:6443 --token ${token} --discovery-token-ca-cert-hash sha256:00`)).toBe(id('invalid discovery token CA certificate hash: expected a 32 byte SHA-256 hash, found 1 bytes'))
  expect(on(`172.18.0.2:6443 --token abcdef.0123456789abcdef --discovery-token-ca-cert-hash sha256:${hash}`)).toBe(id('could not find a JWS signature in the cluster-info ConfigMap for token ID "abcdef"'))
  expect(on(`172.18.0.2:6443 --token ${token.slice(0, 7)}0123456789abcdef --discovery-token-ca-cert-hash sha256:${hash}`)).toBe(id("failed to verify JWS signature of received cluster info object, can't trust this API Server"))
  // its Node is still Ready
  expect(on(`172.18.0.2:6443 --token ${token} --discovery-token-ca-cert-hash sha256:${hash} --ignore-preflight-errors=all`)).toContain('[preflight] Reading configuration')
})

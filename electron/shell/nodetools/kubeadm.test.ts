import { expect, it } from 'vitest'
import { signature } from '../../engine/kubernetes/controllers/bootstrap-tokens.ts'
import { house } from '../house.samples.ts'

const ON = 'hop node control-plane --'
const TAIL = 'To see the stack trace of this error execute with --v=5 or higher\n'
const TOKEN = 'abcdef.0123456789abcdef'

it('kubeadm makes, lists and deletes bootstrap tokens, which are Secrets', () => {
  const { run } = house()
  expect(run(`${ON} kubeadm token list`)).toEqual({ code: 0, output: '' })
  // the pin: openssl x509 -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 over the cluster's ca.crt
  expect(run(`${ON} kubeadm token create ${TOKEN} --ttl 1h --description 'for a lab' --print-join-command`).output).toBe(`kubeadm join 172.18.0.2:6443 --token ${TOKEN} --discovery-token-ca-cert-hash sha256:d75f8bd1622485e5e7f4da4860be7dca4f733910302c18944e410f3dfb1f0f88 \n`)
  expect(run(`${ON} kubeadm token list`).output).toMatch(/^TOKEN {21}TTL {7}EXPIRES {16}USAGES {19}DESCRIPTION {3}EXTRA GROUPS\nabcdef\.0123456789abcdef {3}59m {7}2026-01-05T09:00:\d\dZ {3}authentication,signing {3}for a lab {5}system:bootstrappers:kubeadm:default-node-token\n$/)
  expect(run("kubectl -n kube-system get secret bootstrap-token-abcdef -o jsonpath='{.type} {.data.token-id} {.data.usage-bootstrap-signing}'").output).toBe('bootstrap.kubernetes.io/token YWJjZGVm dHJ1ZQ==')
  expect(run(`${ON} kubeadm token create ${TOKEN}`)).toEqual({ code: 1, output: `error: a token with id "abcdef" already exists\n${TAIL}` })
  expect(run(`${ON} kubeadm token create abc`).output).toBe(`error: the bootstrap token "abc" was not of the form "\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z"\n${TAIL}`)
  const ask = (path: string): string => run(`curl -sk -H 'Authorization: Bearer ${TOKEN}' https://172.18.0.2:6443${path}`).output
  expect(ask('/api/v1/pods')).toContain('User \\"system:bootstrap:abcdef\\" cannot list resource \\"pods\\"')
  // whoever wants to join reads it without showing anything
  expect(run('curl -sk https://172.18.0.2:6443/api/v1/namespaces/kube-public/configmaps/cluster-info').output).toContain('"jws-kubeconfig-abcdef": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..')
  expect(run(`${ON} kubeadm token delete abcdef; ${ON} kubeadm token delete ${TOKEN}`)).toEqual({ code: 1, output: `bootstrap token "abcdef" deleted\nerror: failed to delete bootstrap token "abcdef": secrets "bootstrap-token-abcdef" not found\n${TAIL}` })
  expect(ask('/api/v1/pods')).toContain('"message": "Unauthorized"')
  expect(run('kubectl -n kube-public get cm cluster-info -o yaml').output).not.toContain('jws-kubeconfig')
  expect(run('hop node worker-1 -- kubeadm token list')).toEqual({ code: 1, output: `error: failed to load admin kubeconfig: open /root/.kube/config: no such file or directory\n${TAIL}` })
})

it('a bootstrap token goes when its time is over', () => {
  const { run } = house()
  expect(run(`${ON} kubeadm token create --ttl 1m`).output).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/)
  expect(run('sleep 50; kubectl -n kube-system get secrets -o name --field-selector type=bootstrap.kubernetes.io/token').output).toMatch(/^secret\/bootstrap-token-/)
  expect(run('sleep 11; kubectl -n kube-system get secrets -o name --field-selector type=bootstrap.kubernetes.io/token').output).toBe('')
  expect(run('kubectl -n kube-public get cm cluster-info -o yaml').output).not.toContain('jws-kubeconfig')
})

it('kubeadm certs check-expiration reads the certificates that there are', () => {
  const { run } = house()
  const { output } = run(`${ON} sh -c 'rm /etc/kubernetes/pki/etcd/peer.crt /etc/kubernetes/pki/front-proxy-ca.key; kubeadm certs check-expiration'`)
  expect(output).toContain('\napiserver                  Jan 05, 2027 08:00 UTC   364d            ca                      no      \n')
  expect(output).toMatch(/\n!MISSING! etcd-peer +\n/)
  expect(output).toMatch(/\nfront-proxy-client +Jan 05, 2027 08:00 UTC +364d +front-proxy-ca +yes {5}\n/)
  expect(output).toMatch(/\nca +Dec 30, 2034 00:00 UTC +8y +no {6}\n/)
})

it('kubeadm certs renew makes certificates and keys anew, also those of kubeconfigs, which the API server knows', () => {
  const { run } = house()
  run('sleep 60')
  const { output } = run(`${ON} sh -c 'cp /etc/kubernetes/pki/apiserver.crt /tmp/old.crt; rm /etc/kubernetes/pki/front-proxy-ca.key; kubeadm certs renew all'`)
  expect(output).toContain('\n\ncertificate embedded in the kubeconfig file for the admin to use and for kubeadm itself renewed\ncertificate for serving the Kubernetes API renewed\n')
  expect(output).toContain("\nDetected external front-proxy-ca, certificate for the front proxy client can't be renewed\n")
  expect(output).toMatch(/\n\nDone renewing certificates\. You must restart the kube-apiserver/)
  const { output: table } = run(`${ON} kubeadm certs check-expiration`)
  expect(table).toContain('\nadmin.conf                 Jan 05, 2027 08:01 UTC   364d            ca                      no      \n')
  expect(table).toMatch(/\nfront-proxy-client +Jan 05, 2027 08:00 UTC /)
  expect(run(`${ON} sh -c 'cd /etc/kubernetes; openssl verify -CAfile pki/ca.crt pki/apiserver.crt; openssl x509 -noout -ext subjectAltName < pki/apiserver.crt | tail -1; kubectl --kubeconfig admin.conf auth whoami -o jsonpath="{.status.userInfo.username} {.status.userInfo.groups}"'`).output).toBe(
    'pki/apiserver.crt: OK\n    DNS:control-plane, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.cluster.local, IP Address:10.96.0.1, IP Address:172.18.0.2\nkubernetes-admin ["kubeadm:cluster-admins","system:authenticated"]',
  )
})

it('signs as RFC 7515 has it', () => {
  // Python's hmac and base64 say the same
  expect(signature('Hear me roar!', { id: 'joshua', secret: 'my voice is my passport' })).toBe('eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..yST0-NPbB9HzKa0KuszHMFTUIPVxlFgckRqwlNitVcw')
})

it('kubeadm config print shows the defaults of its API', () => {
  const { run } = house()
  const { output } = run(`${ON} kubeadm config print init-defaults`)
  expect(output).toMatch(/^apiVersion: kubeadm.k8s.io\/v1beta4\nbootstrapTokens:\n/)
  expect(output).toContain('\n---\napiServer: {}\n')
  expect(run('hop node worker-1 -- kubeadm config print join-defaults').output).toContain('\n  name: worker-1\n  taints: null\n')
})

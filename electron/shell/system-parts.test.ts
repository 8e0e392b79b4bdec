import { expect, test } from 'vitest'
import { house } from './house.samples.ts'

/** System Pods are real parts: deleting one has its consequence and only that. */
const PODS = `
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: worker-1, containers: [{name: main, image: nicolaka/netshoot:v0.13, command: [sleep, '100000']}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec: {nodeName: worker-2, containers: [{name: main, image: nginx:1.27.5}]}
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, clusterIP: 10.96.0.80, ports: [{port: 80}]}
`
const GET = (where: string): string => `kubectl exec client -- curl -s -o /dev/null -m 8 -w '%{http_code}\\n' http://${where}`

function small(): (script: string, stdin?: string) => string {
  const { run, cluster } = house({})
  run('kubectl apply -f -', PODS)
  cluster.settle()
  return (script, stdin) => run(script, stdin).output
}

test('without coredns names fail and addresses work', () => {
  const sh = small()
  expect(sh(GET('server'))).toContain('200')
  sh('kubectl -n kube-system scale deployment coredns --replicas=0; sleep 60')
  expect(sh(`kubectl exec client -- curl -sS -m 30 http://server`)).toMatch(/curl: \(6\) Could not resolve host: server|curl: \(28\) Resolving timed out/)
  expect(sh(GET('10.96.0.80'))).toContain('200')
  sh('kubectl -n kube-system scale deployment coredns --replicas=2; sleep 30')
  expect(sh(GET('server'))).toContain('200')
})

test("without kube-proxy a node's rules stay as they were", () => {
  const sh = small()
  sh(`kubectl -n kube-system patch daemonset kube-proxy -p '{"spec":{"template":{"spec":{"nodeSelector":{"no":"where"}}}}}'; sleep 60`)
  expect(sh('kubectl -n kube-system get pods -l k8s-app=kube-proxy')).toContain('No resources found')
  expect(sh(GET('10.96.0.80'))).toContain('200')
  sh('kubectl delete service server; sleep 10')
  expect(sh(GET('10.96.0.80'))).toContain('200')
})

test('without the plugin on a node that was restarted new Pods get no network', () => {
  const sh = small()
  sh('kubectl -n kube-flannel delete daemonset kube-flannel-ds; sleep 20; hop fault apply node-reboot worker-1; sleep 90')
  sh('kubectl apply -f -; sleep 20', PODS.split('---')[0]!.replace('name: client', 'name: late'))
  expect(sh('kubectl get pod late')).toMatch(/late +0\/1 +ContainerCreating/)
  expect(sh('kubectl describe pod late')).toMatch(
    /Warning +FailedCreatePodSandBox .* kubelet +Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="flannel" failed \(add\): failed to load flannel 'subnet.env' file: open \/run\/flannel\/subnet\.env: no such file or directory\./,
  )
})

test('without a scheduler Pods are Pending and nothing is said; with it they run', () => {
  const sh = small()
  sh('hop node control-plane -- mv /etc/kubernetes/manifests/kube-scheduler.yaml /root/; sleep 20')
  sh('kubectl run late --image=nginx:1.27.5; sleep 30')
  expect(sh('kubectl get pod late')).toMatch(/late +0\/1 +Pending +0 +3\ds/)
  expect(sh('kubectl describe pod late')).toMatch(/Events: +<none>\n/)
  sh('hop node control-plane -- mv /root/kube-scheduler.yaml /etc/kubernetes/manifests/; sleep 40')
  expect(sh('kubectl get pod late')).toMatch(/late +1\/1 +Running/)
})

test.each(['kube-apiserver', 'etcd'])('without %s kubectl is refused, and traffic goes on', (part) => {
  const sh = small()
  const trace = "hop trace default/client http://10.96.0.80 -o json | jq -r .verdict"
  sh(`hop node control-plane -- mv /etc/kubernetes/manifests/${part}.yaml /root/; sleep 60`)
  for (const command of ['get pods', 'logs client', 'exec client -- true', 'delete pod client']) {
    expect(sh(`kubectl ${command}; echo "code $?"`)).toContain('The connection to the server 172.18.0.2:6443 was refused - did you specify the right host or port?\ncode 1\n')
  }
  expect(sh('kubectl apply -f -', PODS.split('---')[0])).toBe('error: error validating "STDIN": error validating data: failed to download openapi: Get "https://172.18.0.2:6443/openapi/v2?timeout=32s": dial tcp 172.18.0.2:6443: connect: connection refused; if you choose to ignore these errors, turn validation off with --validate=false\n')
  expect(sh(trace)).toContain('delivered')
  sh(`hop node control-plane -- mv /root/${part}.yaml /etc/kubernetes/manifests/; sleep 60`)
  expect(sh('kubectl get pods')).toMatch(/client +1\/1 +Running[^]*server +1\/1 +Running/)
})

test('kubectl get componentstatuses: the API server asks each part over its loopback link', () => {
  const sh = small()
  expect(sh('kubectl get componentstatuses')).toBe(`Warning: v1 ComponentStatus is deprecated in v1.19+
NAME                 STATUS    MESSAGE   ERROR
controller-manager   Healthy   ok        
scheduler            Healthy   ok        
etcd-0               Healthy   ok        
`)
  expect(sh('kubectl get cs etcd-0 -o jsonpath={.conditions}')).toContain('[{"message":"ok","status":"True","type":"Healthy"}]')
  expect(sh('kubectl get cs nobody')).toContain('Error from server: Component not found: nobody')
  const refused = 'Error from server (MethodNotAllowed): the server does not allow this method on the requested resource\n'
  for (const command of ['delete cs scheduler', 'label cs scheduler a=b']) expect(sh(`kubectl ${command}`)).toBe(`Warning: v1 ComponentStatus is deprecated in v1.19+\n${refused}`)
  expect(sh('kubectl get cs -w')).toMatch(/etcd-0 +Healthy +ok +\nError from server \(MethodNotAllowed\)/)
  expect(sh('kubectl get --raw /api/v1/componentstatuses/scheduler')).toContain('{"kind":"ComponentStatus","apiVersion":"v1","metadata":{"name":"scheduler","creationTimestamp":null},"conditions":[{"type":"Healthy","status":"True","message":"ok"}]}')
  expect(sh('kubectl get cs --as bob')).toContain('componentstatuses is forbidden: User "bob" cannot list resource "componentstatuses" in API group "" at the cluster scope')
  sh('hop node control-plane -- mv /etc/kubernetes/manifests/kube-scheduler.yaml /root/; hop node control-plane -- iptables -I INPUT -i lo -p tcp --dport 10257 -j DROP; sleep 40')
  const found = sh('kubectl get cs').split('\n').map((line) => line.trimEnd())
  expect(found[2]).toBe('controller-manager   Unhealthy   Get "https://127.0.0.1:10257/healthz": dial tcp 127.0.0.1:10257: i/o timeout (Client.Timeout exceeded while awaiting headers)')
  expect(found[3]).toBe('scheduler            Unhealthy   Get "https://127.0.0.1:10259/healthz": dial tcp 127.0.0.1:10259: connect: connection refused')
  expect(found[4]).toMatch(/^etcd-0 +Healthy +ok$/)
})

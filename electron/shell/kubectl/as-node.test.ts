import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

/** A kubelet's own kubeconfig on its node: the Node authorizer and the admission plugin NodeRestriction of v1.33. */
const FORBIDDEN = 'Error from server (Forbidden): '

it('a kubelet reads what its own Pods name, and nothing else', () => {
  const { run } = house({ nodes: 2 })
  const kubectl = (words: string): string => run(`hop node worker-1 -- kubectl --kubeconfig /etc/kubernetes/kubelet.conf ${words}`).output
  run('kubectl create secret generic used --from-literal=a=b; kubectl create secret generic other --from-literal=a=b; kubectl create configmap settings --from-literal=a=b')
  run(`kubectl apply -f - <<'E'
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeName: worker-1
  containers: [{name: c, image: nginx:1.27.5, envFrom: [{secretRef: {name: used}}], volumeMounts: [{name: v, mountPath: /x}]}]
  volumes: [{name: v, configMap: {name: settings}}]
E
sleep 5`)
  const user = 'User "system:node:worker-1" cannot'
  expect(kubectl('auth whoami -o jsonpath="{.status.userInfo.username} {.status.userInfo.groups}"')).toBe('system:node:worker-1 ["system:nodes","system:authenticated"]')
  expect(kubectl('get secret used -o name')).toBe('secret/used\n')
  expect(kubectl('get configmap settings -o name')).toBe('configmap/settings\n')
  expect(kubectl('get secret other')).toBe(`${FORBIDDEN}secrets "other" is forbidden: ${user} get resource "secrets" in API group "" in the namespace "default": no relationship found between node 'worker-1' and this object\n`)
  expect(kubectl('get secrets')).toBe(`${FORBIDDEN}secrets is forbidden: ${user} list resource "secrets" in API group "" in the namespace "default": No Object name found\n`)
  expect(kubectl('get secrets -A')).toBe(`${FORBIDDEN}secrets is forbidden: ${user} list resource "secrets" in API group "" at the cluster scope: can only read namespaced object of this type\n`)
  expect(kubectl('delete secret used')).toBe(`${FORBIDDEN}secrets "used" is forbidden: ${user} delete resource "secrets" in API group "" in the namespace "default": can only read resources of this type\n`)
  expect(kubectl('get node worker-1 -o name')).toBe('node/worker-1\n')
  expect(kubectl('get node control-plane')).toBe(`${FORBIDDEN}nodes "control-plane" is forbidden: ${user} get resource "nodes" in API group "" at the cluster scope: node 'worker-1' cannot read 'control-plane', only its own Node object\n`)
  expect(kubectl('get nodes')).toBe(`${FORBIDDEN}nodes is forbidden: ${user} list resource "nodes" in API group "" at the cluster scope: node 'worker-1' cannot read all nodes, only its own Node object\n`)
  expect(kubectl('get pods')).toBe(`${FORBIDDEN}pods is forbidden: ${user} list resource "pods" in API group "" in the namespace "default": can only list/watch pods with spec.nodeName field selector\n`)
  expect(kubectl('get pods -o name --field-selector spec.nodeName=worker-1')).toBe('pod/web\n')
  expect(kubectl('get pod web -o name')).toBe('pod/web\n')
  expect(kubectl('get svc kubernetes -o name')).toBe('service/kubernetes\n')
  expect(kubectl('get deployments')).toBe(`${FORBIDDEN}deployments.apps is forbidden: ${user} list resource "deployments" in API group "apps" in the namespace "default"\n`)
  expect(kubectl('auth can-i get secrets/used')).toBe('yes\n')
  expect(kubectl('auth can-i list secrets')).toBe('no - No Object name found\n')
  expect(kubectl('-n kube-node-lease get lease control-plane')).toBe(`${FORBIDDEN}leases.coordination.k8s.io "control-plane" is forbidden: ${user} get resource "leases" in API group "coordination.k8s.io" in the namespace "kube-node-lease": can only access node lease with the same name as the requesting node\n`)
})

it('a kubelet writes what is its own, and not the labels and taints that bring Pods to it', () => {
  const { run } = house({ nodes: 2 })
  const kubectl = (words: string): string => run(`hop node worker-1 -- kubectl --kubeconfig /etc/kubernetes/kubelet.conf ${words}`).output
  run('kubectl run other --image=nginx:1.27.5 --overrides=\'{"spec":{"nodeName":"control-plane"}}\'; sleep 5')
  expect(kubectl('label node worker-1 disk=ssd')).toBe('node/worker-1 labeled\n')
  expect(kubectl('label node worker-1 node.kubernetes.io/kind=small')).toBe('node/worker-1 labeled\n')
  expect(kubectl('label node worker-1 node-restriction.kubernetes.io/pci=true')).toBe(`${FORBIDDEN}nodes "worker-1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/pci\n`)
  expect(kubectl('label node worker-1 node-role.kubernetes.io/control-plane=')).toBe(`${FORBIDDEN}nodes "worker-1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/control-plane\n`)
  expect(kubectl('taint node worker-1 a=b:NoSchedule')).toContain('nodes "worker-1" is forbidden: node "worker-1" is not allowed to modify taints\n')
  expect(kubectl('label node control-plane a=b')).toContain("node 'worker-1' cannot read 'control-plane', only its own Node object")
  expect(kubectl('run mine --image=nginx:1.27.5')).toContain('pods "mine" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "worker-1" can only create mirror pods\n')
  expect(kubectl('delete pod other --wait=false')).toBe(`${FORBIDDEN}pods "other" is forbidden: node "worker-1" can only delete pods with spec.nodeName set to itself\n`)
  // who has no kubeconfig asks the machine itself
  expect(run('hop node worker-1 -- kubectl get nodes').output).toContain('The connection to the server localhost:8080 was refused - did you specify the right host or port?\n')
})

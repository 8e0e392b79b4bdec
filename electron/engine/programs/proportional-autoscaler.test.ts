import { expect, test } from 'vitest'
import { house } from '../../shell/house.samples.ts'

/** "Autoscale the DNS Service in a Cluster" of kubernetes.io, and what the program's own README tells; expected values from its source, 1.8.4. */
const RIGHTS = `
- {apiGroups: [""], resources: ["nodes"], verbs: ["list", "watch"]}
- {apiGroups: ["apps"], resources: ["deployments/scale", "replicasets/scale"], verbs: ["get", "update"]}
- {apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create"]}`
const DEFAULTS = '{"linear":{"nodesPerReplica":16,"coresPerReplica":256,"preventSinglePointFailure":true,"includeUnschedulableNodes":true}}'
const manifest = (more = '', target = 'Deployment/CoreDNS', rights = RIGHTS): string => `apiVersion: v1
kind: ServiceAccount
metadata: {name: kube-dns-autoscaler, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:kube-dns-autoscaler"}
rules:${rights}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:kube-dns-autoscaler"}
subjects: [{kind: ServiceAccount, name: kube-dns-autoscaler, namespace: kube-system}]
roleRef: {kind: ClusterRole, name: "system:kube-dns-autoscaler", apiGroup: rbac.authorization.k8s.io}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-dns-autoscaler, namespace: kube-system, labels: {k8s-app: kube-dns-autoscaler}}
spec:
  selector: {matchLabels: {k8s-app: kube-dns-autoscaler}}
  template:
    metadata: {labels: {k8s-app: kube-dns-autoscaler}}
    spec:
      serviceAccountName: kube-dns-autoscaler
      containers:
      - name: autoscaler
        image: registry.k8s.io/cpa/cluster-proportional-autoscaler:1.8.4
        command:
        - /cluster-proportional-autoscaler
        - --namespace=kube-system
        - --configmap=kube-dns-autoscaler
        - --target=${target}
        - --logtostderr=true
        - --v=2${more}
`
const withDefaults = `\n        - --default-params=${DEFAULTS}`

function world(text: string): { run: (line: string) => string; log: () => string } {
  const { run } = house()
  run(`cat > autoscaler.yaml <<'END'\n${text}END\nkubectl apply -f autoscaler.yaml; sleep 12`)
  return {
    run: (line) => run(line).output,
    log: () => run('kubectl -n kube-system logs deploy/kube-dns-autoscaler').output.replaceAll(/^([IE])0105 \d\d:\d\d:\d\d\.\d{6} {7}1 /gm, '$1 ').replaceAll(/new: \d+/g, 'new: N').replaceAll(/old: \d+/g, 'old: O'),
  }
}
const replicas = (run: (line: string) => string): string => run("kubectl -n kube-system get deploy coredns -o jsonpath='{.spec.replicas}'")

test('makes the ConfigMap that is missing, and follows what is written there, nodes that come and ones that are cordoned', () => {
  const { run, log } = world(manifest(withDefaults))
  expect(run("kubectl -n kube-system get cm kube-dns-autoscaler -o jsonpath='{.data}'")).toBe('{"linear":"{\\"coresPerReplica\\":256,\\"includeUnschedulableNodes\\":true,\\"nodesPerReplica\\":16,\\"preventSinglePointFailure\\":true}"}')
  expect(log()).toBe(`I autoscaler.go:49] Scaling Namespace: kube-system, Target: deployment/coredns
I autoscaler_server.go:157] ConfigMap not found: configmaps "kube-dns-autoscaler" not found, will create one with default params
I k8sclient.go:147] Created ConfigMap kube-dns-autoscaler in namespace kube-system
I plugin.go:50] Set control mode to linear
I linear_controller.go:60] ConfigMap version change (old:  new: N) - rebuilding params
I linear_controller.go:61] Params from apiserver: 
{"coresPerReplica":256,"includeUnschedulableNodes":true,"nodesPerReplica":16,"preventSinglePointFailure":true}
I linear_controller.go:80] Defaulting min replicas count to 1 for linear controller
`)
  expect(replicas(run)).toBe('2')
  run(`kubectl -n kube-system patch cm kube-dns-autoscaler -p '{"data":{"linear":"{\\"nodesPerReplica\\":1,\\"min\\":1}"}}'; sleep 15`)
  expect(replicas(run)).toBe('3')
  expect(log()).toMatch(/ConfigMap version change \(old: O new: N\) - rebuilding params\n.*\n.*\nI k8sclient\.go:272\] Cluster status: SchedulableNodes\[3\], SchedulableCores\[\d+\]\nI k8sclient\.go:273\] Replicas are not as expected : updating replicas from 2 to 3\n$/)
  run('kubectl cordon worker-2; sleep 12')
  expect(replicas(run)).toBe('2')
  // somebody else's number is put right, too
  run('kubectl -n kube-system scale deploy coredns --replicas=5; sleep 12')
  expect(replicas(run)).toBe('2')
  run(`kubectl -n kube-system patch cm kube-dns-autoscaler -p '{"data":{"linear":null,"ladder":"{\\"nodesToReplicas\\":[[3,7],[1,1],[2,4]]}"}}'; sleep 12`)
  expect(replicas(run)).toBe('4')
  expect(log()).toContain('I plugin.go:50] Set control mode to ladder\nI ladder_controller.go:72] Detected ConfigMap version change (old:  new: N) - rebuilding lookup entries\n')
})

test('tells what is wrong with its ConfigMap, and leaves the replicas alone until it is mended', () => {
  const { run, log } = world(manifest())
  expect(log()).toContain('E autoscaler_server.go:117] Error syncing configMap with apiserver: configmaps "kube-dns-autoscaler" not found\n')
  const wrong: [string, string][] = [
    ['{"linear":"{\\"min\\":-1}"}', 'Error syncing configMap with controller: error parsing linear params: invalid negative value for min: -1'],
    ['{"linear":"{\\"min\\":3,\\"max\\":2,\\"nodesPerReplica\\":1}"}', 'Error syncing configMap with controller: error parsing linear params: max replicas count 2 should be greater than / equal to min replicas count 3'],
    ['{"linear":"{}"}', 'Error syncing configMap with controller: error parsing linear params: should at least provide either CoresPerReplica or NodesPerReplica (Greater than 0)'],
    ['{"linear":"{nodes"}', "Error syncing configMap with controller: error parsing linear params: could not parse parameters (invalid character 'n' looking for beginning of object key string)"],
    ['{"linear":"{\\"nodesPerReplica\\":\\"1\\"}"}', 'error parsing linear params: could not parse parameters (json: cannot unmarshal string into Go struct field linearParams.nodesPerReplica of type float64)'],
    ['{"linear":"{}","ladder":"{}"}', 'invalid configMap format, expected only one entry, got: map[ladder:{} linear:{}]'],
    ['{"square":"{}"}', 'not a supported control mode: square'],
  ]
  run('kubectl -n kube-system create cm kube-dns-autoscaler')
  for (const [data, message] of wrong) {
    run(`kubectl -n kube-system patch cm kube-dns-autoscaler --type=json -p '[{"op":"add","path":"/data","value":${data}}]'; sleep 12`)
    expect(log()).toContain(`${message}\n`)
  }
  expect(replicas(run)).toBe('2')
  run(`kubectl -n kube-system patch cm kube-dns-autoscaler --type=json -p '[{"op":"add","path":"/data","value":{"linear":"{\\"NodesPerReplica\\":3,\\"min\\":null}"}}]'; sleep 12`)
  expect(replicas(run)).toBe('1')
})

test('without a right, a target or flags it says which, and its health tells of the last poll', () => {
  const rights = RIGHTS.replace('"deployments/scale", ', '')
  const { run, log } = world(manifest(withDefaults, 'deployment/coredns', rights))
  expect(log()).toContain('E autoscaler_server.go:142] Update failure: the server could not find the requested resource\n')
  expect(log()).toContain('I k8sclient.go:216] Falling back to extensions/v1beta1, error using apps/v1: deployments.apps "coredns" is forbidden: User "system:serviceaccount:kube-system:kube-dns-autoscaler" cannot get resource "deployments/scale" in API group "apps" in the namespace "kube-system"\n')
  const ip = "$(kubectl -n kube-system get pod -l k8s-app=kube-dns-autoscaler -o jsonpath='{.items[0].status.podIP}')"
  expect(run(`hop node worker-1 -- curl -s -w ' %{http_code}' ${ip}:8080/last-poll; hop node worker-1 -- curl -s -w ' %{http_code}' ${ip}:8080/healthz`)).toBe('Encountered error at last poll cycle: the server could not find the requested resource 500 200')
  const other = world(manifest(withDefaults, 'deployment/nobody'))
  expect(other.log()).toContain('E autoscaler_server.go:142] Update failure: deployments.apps "nobody" not found\n')
  const none = world(manifest(withDefaults, 'coredns'))
  expect(none.log()).toBe('E options.go:86] Target format error. Please use deployment/*, replicationcontroller/* or replicaset/* (not case sensitive).\nE autoscaler.go:45] failed to validate all input parameters\n')
  const blind = world(manifest(withDefaults, 'deployment/coredns', RIGHTS.replace('"nodes"', '"services"')))
  blind.run('sleep 10')
  expect(blind.log()).toContain('E autoscaler_server.go:108] Error while getting cluster status: timed out waiting for the condition\n')
})

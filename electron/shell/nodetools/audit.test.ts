import { expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

/** Auditing as the CKS exam has it: a policy, two flags and two volumes in the API server's manifest, and a log on the node. */
const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'
const LOG = '/var/log/kubernetes/audit/audit.log'

interface Event {
  level: string
  stage: string
  verb: string
  requestURI: string
  auditID: string
  user: { username?: string; groups?: string[] }
  impersonatedUser?: { username: string }
  sourceIPs?: string[]
  userAgent?: string
  objectRef?: { resource: string; namespace?: string; name?: string; subresource?: string; apiVersion?: string; apiGroup?: string }
  responseStatus?: { code: number; reason?: string; message?: string }
  requestObject?: { [key: string]: unknown }
  responseObject?: { kind: string; metadata: { managedFields?: unknown } }
  requestReceivedTimestamp: string
  annotations?: { [key: string]: string }
}

const policy = (...lines: string[]): string => ['apiVersion: audit.k8s.io/v1', 'kind: Policy', ...lines].join('\n')

/** Writes the policy, and turns auditing on. */
function audited({ run }: House, text: string, flags = ''): void {
  const edit = [
    `s#^    - kube-apiserver$#&\\n    - --audit-policy-file=/etc/kubernetes/audit-policy.yaml\\n    - --audit-log-path=${LOG}${flags}#`,
    's#^    volumeMounts:#&\\n    - {mountPath: /etc/kubernetes/audit-policy.yaml, name: audit, readOnly: true}\\n    - {mountPath: /var/log/kubernetes/audit, name: audit-log}#',
    's#^  volumes:#&\\n  - {name: audit, hostPath: {path: /etc/kubernetes/audit-policy.yaml, type: File}}\\n  - {name: audit-log, hostPath: {path: /var/log/kubernetes/audit, type: DirectoryOrCreate}}#',
  ]
  run(`cat > policy.yaml <<'END'\n${text}\nEND\nhop node control-plane -- sh -c 'cat > /etc/kubernetes/audit-policy.yaml' < policy.yaml`)
  run(`hop node control-plane -- sed -i ${edit.map((each) => `-e '${each}'`).join(' ')} ${MANIFEST}; sleep 60`)
}

const events = ({ run }: House): Event[] => run(`hop node control-plane -- cat ${LOG}`).output.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Event)
const lastWords = ({ run }: House): string => run(`hop node control-plane -- sh -c 'crictl logs $(crictl ps -aq --name kube-apiserver | head -1)'`).output

it('an audit log says who asked for what, as much of it as the policy wants', () => {
  const world = house({ nodes: 2 })
  const { run } = world
  run('kubectl create deployment web --image=nginx:1.27.5; sleep 20')
  audited(world, policy(
    'omitStages: [RequestReceived]',
    'rules:',
    '- {level: None, userGroups: ["system:nodes"]}',
    '- {level: None, verbs: [watch]}',
    '- {level: RequestResponse, omitManagedFields: true, resources: [{group: "", resources: [secrets]}]}',
    '- {level: Request, resources: [{group: apps, resources: [deployments/scale, deployments]}], namespaces: [default]}',
    '- {level: Metadata, resources: [{group: "", resources: [pods, "pods/*"]}]}',
    '- {level: Metadata, nonResourceURLs: ["/version*"]}',
  ))
  run('kubectl create secret generic s --from-literal=a=b; kubectl delete secret s; kubectl scale deploy web --replicas=2; sleep 5; kubectl exec deploy/web -- true; kubectl --as=jane get secrets; kubectl version; kubectl get nodes')
  const all = events(world)
  const short = all.map(({ level, stage, verb, user: { username = '' }, objectRef, responseStatus }) => `${level} ${stage} ${username} ${verb} ${objectRef ? [objectRef.resource, objectRef.subresource, objectRef.namespace, objectRef.name].filter(Boolean).join('/') : ''} ${responseStatus?.code}`)
  expect(short).toEqual(expect.arrayContaining([
    'RequestResponse ResponseComplete kubernetes-admin create secrets/default/s 201',
    'RequestResponse ResponseComplete kubernetes-admin delete secrets/default/s 200',
    'Request ResponseComplete kubernetes-admin patch deployments/scale/default/web 200',
    'Metadata ResponseStarted kubernetes-admin get pods/exec/default/' + /exec\/default\/(\S+)/.exec(short.join(' '))?.[1] + ' 101',
    'RequestResponse ResponseComplete kubernetes-admin list secrets/default 403',
    'Metadata ResponseComplete kubernetes-admin get  200',
  ]))
  expect(short.filter((line) => /nodes|system:node:|RequestReceived| watch /.test(line))).toEqual([])
  // who made the second Pod, and who put it on its node
  expect(short.find((line) => line.includes('create pods/default'))).toMatch(/^Metadata ResponseComplete system:serviceaccount:kube-system:replicaset-controller create pods\/default\/?\S* 201$/)
  expect(short.find((line) => line.includes('pods/binding'))).toMatch(/ system:kube-scheduler create pods\/binding\/default\/web-\S+ 201$/)
  const made = all.find(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'secrets')!
  expect(made).toMatchObject({
    requestURI: '/api/v1/namespaces/default/secrets?fieldManager=kubectl-create&fieldValidation=Strict', userAgent: 'kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0', sourceIPs: ['192.0.2.10'],
    requestObject: { kind: 'Secret', data: { a: 'Yg==' } }, responseObject: { kind: 'Secret' },
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': 'RBAC: allowed by ClusterRoleBinding "kubeadm:cluster-admins" of ClusterRole "cluster-admin" to Group "kubeadm:cluster-admins"' },
  })
  expect(Object.keys(made)).toEqual(['kind', 'apiVersion', 'level', 'auditID', 'stage', 'requestURI', 'verb', 'user', 'sourceIPs', 'userAgent', 'objectRef', 'responseStatus', 'requestObject', 'responseObject', 'requestReceivedTimestamp', 'stageTimestamp', 'annotations'])
  expect(made.responseObject!.metadata.managedFields).toBeUndefined()
  expect(made.requestReceivedTimestamp).toMatch(/^2026-01-05T08:\d\d:\d\d\.\d{6}Z$/)
  expect(all.find(({ impersonatedUser }) => impersonatedUser)).toMatchObject({ impersonatedUser: { username: 'jane' }, responseStatus: { code: 403, reason: 'Forbidden' }, annotations: { 'authorization.k8s.io/decision': 'forbid' } })
  const scaled = all.find(({ objectRef }) => objectRef?.subresource === 'scale')!
  expect([scaled.requestObject, scaled.responseObject]).toEqual([{ spec: { replicas: 2 } }, undefined])
  expect(run('kubectl get --raw /metrics | grep ^apiserver_audit_level_total').output).toContain('{level="RequestResponse"} 4\n')
})

it('of a request over the network its stages are written, and whose token nobody knows', () => {
  const world = house({ nodes: 1 })
  const { run } = world
  audited(world, policy('rules:', '- {level: None, users: ["kubernetes-admin"]}', '- {level: Metadata, verbs: [list], users: ["system:serviceaccount:default:default"]}', '- {level: None, userGroups: ["system:authenticated"]}', '- {level: Metadata, resources: [{group: "", resources: [pods]}]}'))
  run('TOKEN=$(kubectl create token default); for t in "$TOKEN" wrong ""; do curl -sk -m 5 -A probe/1 -H "Authorization: Bearer $t" "https://172.18.0.2:6443/api/v1/pods" >/dev/null; done')
  const probes = events(world).filter(({ userAgent }) => userAgent === 'probe/1')
  expect(probes.map(({ stage, user, responseStatus, annotations }) => [stage, user.username, responseStatus?.code, responseStatus?.message, annotations?.['authorization.k8s.io/decision']])).toEqual([
    ['RequestReceived', 'system:serviceaccount:default:default', undefined, undefined, undefined],
    ['ResponseComplete', 'system:serviceaccount:default:default', 403, 'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" at the cluster scope', 'forbid'],
    ['ResponseStarted', undefined, 401, 'Authentication failed, attempted: bearer', undefined],
    ['RequestReceived', 'system:anonymous', undefined, undefined, undefined],
    ['ResponseComplete', 'system:anonymous', 403, 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope', 'forbid'],
  ])
  expect(probes[0]!.auditID).toBe(probes[1]!.auditID)
  expect(probes[0]!.sourceIPs).toEqual(['192.0.2.10'])
})

it.each([
  ['rules: []', 'loaded illegal policy with 0 rules: from file /etc/kubernetes/audit-policy.yaml'],
  ['rules: [{level: Meta, nonResourceURLs: [healthz], resources: [{group: v1, resourceNames: [a]}]}]', '[rules[0].level: Unsupported value: \\"Meta\\": supported values: \\"None\\", \\"Metadata\\", \\"Request\\", \\"RequestResponse\\", rules[0].nonResourceURLs[0]: Invalid value: \\"healthz\\": non-resource URL rules must begin with a \'/\' character, rules[0].resources.resourceNames: Invalid value: []string{\\"a\\"}: using resourceNames requires at least one resource, rules[0].nonResourceURLs: Invalid value: []string{\\"healthz\\"}: rules cannot apply to both regular resources and non-resource URLs]: from file /etc/kubernetes/audit-policy.yaml'],
  ['rules: [{level: Metadata, omitStages: [Started]}]', 'rules[0].omitStages[0]: Invalid value: \\"Started\\": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic: from file /etc/kubernetes/audit-policy.yaml'],
  ['rules: {level: Metadata}', 'failed decoding: json: cannot unmarshal object into Go struct field Policy.rules of type []v1.PolicyRule: from file /etc/kubernetes/audit-policy.yaml'],
])('with a bad policy (%s) the API server does not start, and its log says why', (rules, why) => {
  const world = house({ nodes: 1 })
  audited(world, policy(rules))
  expect(lastWords(world)).toMatch(/^E0105 08:\d\d:\d\d\.\d{6} {7}1 run\.go:72\] /)
  expect(lastWords(world).split('] ').slice(1).join('] ')).toBe(`"command failed" err="loading audit policy file: ${why}"\n`)
  expect(world.run('kubectl get nodes').output).toContain('The connection to the server 172.18.0.2:6443 was refused')
})

it('a policy that is not mounted, a log that cannot be written, a number that is none: each with its own words', () => {
  const world = house({ nodes: 1 })
  const { run } = world
  audited(world, policy('rules: [{level: Metadata}]'))
  const change = (edit: string): string => {
    run(`hop node control-plane -- sed -i '${edit}' ${MANIFEST}; sleep 90`)
    return lastWords(world).replace(/^E.*\] /, '')
  }
  expect(change('s#--audit-policy-file=.*#--audit-policy-file=/etc/policy.yaml#')).toBe('"command failed" err="loading audit policy file: failed to read file path \\"/etc/policy.yaml\\": open /etc/policy.yaml: no such file or directory"\n')
  expect(change('s#--audit-policy-file=.*#--audit-policy-file=/etc/kubernetes/audit-policy.yaml#; s#name: audit-log}#name: audit-log, readOnly: true}#')).toBe(`"command failed" err="ensureLogFile: open ${LOG}: read-only file system"\n`)
  expect(change('s#name: audit-log, readOnly: true}#name: audit-log}#; s#--audit-log-path=.*#&\\n    - --audit-log-maxage=a#')).toBe('Error: invalid argument "a" for "--audit-log-maxage" flag: strconv.ParseInt: parsing "a": invalid syntax\n')
  expect(change('s#--audit-log-maxage=a#--audit-log-maxage=-1#')).toBe('"command failed" err="--audit-log-maxage -1 can\'t be a negative number"\n')
  run(`hop node control-plane -- sed -i 's#--audit-log-maxage=-1#--audit-log-maxage=7#' ${MANIFEST}; sleep 90`)
  expect(run('kubectl get nodes --no-headers').output).toMatch(/^control-plane +Ready/)
})

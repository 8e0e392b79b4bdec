import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

/** Webhooks as upstream's end-to-end tests play them (test/e2e/apimachinery/webhook.go): agnhost answers, with a certificate from a Secret. */

let run: House['run']
let ca: string

const SERVER = `
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj "/CN=e2e-test-webhook.default.svc" -addext "subjectAltName=DNS:e2e-test-webhook.default.svc" 2>/dev/null
kubectl create secret generic sample-webhook-secret --from-file=tls.crt=cert.pem --from-file=tls.key=key.pem
kubectl apply -f - <<'X'
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook, labels: {app: hook}}
spec:
  selector: {matchLabels: {app: hook}}
  template:
    metadata: {labels: {app: hook}}
    spec:
      containers:
      - name: hook
        image: registry.k8s.io/e2e-test-images/agnhost:2.53
        args: [webhook, --tls-cert-file=/webhook.local.config/certificates/tls.crt, --tls-private-key-file=/webhook.local.config/certificates/tls.key, --sidecar-image=registry.k8s.io/pause:3.10, --port=8444]
        ports: [{containerPort: 8444}]
        readinessProbe: {httpGet: {scheme: HTTPS, port: 8444, path: /readyz}, periodSeconds: 1}
        volumeMounts: [{name: certs, mountPath: /webhook.local.config/certificates, readOnly: true}]
      volumes: [{name: certs, secret: {secretName: sample-webhook-secret}}]
---
apiVersion: v1
kind: Service
metadata: {name: e2e-test-webhook}
spec: {selector: {app: hook}, ports: [{port: 8443, targetPort: 8444}]}
X
kubectl create namespace play
kubectl rollout status deployment hook`

interface Wanted { kind?: 'Validating' | 'Mutating'; path: string; resources: string; operations?: string; more?: object; group?: string; ca?: string }

/** A configuration of one webhook for the namespace "play". */
function register(name: string, { kind = 'Validating', path, resources, operations = 'CREATE', more = {}, group = '', ca: bundle = ca }: Wanted): string {
  const webhook = {
    name: `${name}.k8s.io`, admissionReviewVersions: ['v1'], sideEffects: 'None',
    clientConfig: { caBundle: bundle, service: { namespace: 'default', name: 'e2e-test-webhook', path, port: 8443 } },
    rules: [{ apiGroups: [group], apiVersions: ['v1'], operations: operations.split(','), resources: resources.split(',') }],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'play' } },
    ...more,
  }
  return run(`kubectl apply -f - <<'X'\n${JSON.stringify({ apiVersion: 'admissionregistration.k8s.io/v1', kind: `${kind}WebhookConfiguration`, metadata: { name }, webhooks: [webhook] })}\nX`).output
}
const forget = (name: string, kind = 'validating'): void => void run(`kubectl delete ${kind}webhookconfiguration ${name}`)
const denied = (hook: string, why: string): string => `admission webhook "${hook}.k8s.io" denied the request: ${why}\n`
const apply = (object: object): string => run(`kubectl apply -n play -f - <<'X'\n${JSON.stringify({ apiVersion: 'v1', ...object })}\nX`).output

beforeAll(() => {
  ;({ run } = house())
  const made = run(SERVER)
  expect([made.code, made.output]).toEqual([0, expect.stringContaining('successfully rolled out')])
  ca = run('base64 -w0 cert.pem').output
})

describe('validating webhooks', () => {
  it('are asked about leases: nodes stay ready and leaders lead while they allow them, and the kubelet says why while they do not', () => {
    const renewals = (): number[] => run(`for l in kube-node-lease/worker-1 kube-system/kube-scheduler kube-system/kube-controller-manager; do kubectl get lease -n \${l%/*} \${l#*/} -o jsonpath='{.spec.renewTime}{"\\n"}'; done`).output.trim().split('\n').map((text) => Date.parse(text))
    const options = { path: '/always-allow-delay-5s', group: 'coordination.k8s.io', resources: 'leases', operations: '*', more: { namespaceSelector: {} } }
    register('leases', options)
    run('sleep 100')
    const now = Date.parse(run('date -u +%FT%TZ').output.trim())
    for (const at of renewals()) expect(now - at).toBeLessThan(20_000)
    expect(run("kubectl get nodes --no-headers | awk '{print $2}' | sort -u; kubectl get pods -n kube-system -l tier=control-plane --no-headers | awk '{print $4}' | sort -u").output).toBe('Ready\n0\n')
    register('leases', { ...options, path: '/always-deny', more: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-node-lease' } } } })
    run('sleep 30')
    expect(run('hop node worker-1 -- journalctl -u kubelet | tail -n 1').output).toContain(`controller.go:195] "Failed to update lease" err="admission webhook \\"leases.k8s.io\\" denied the request: this webhook denies all requests"`)
    forget('leases')
    run('sleep 20')
    expect(Date.parse(run('date -u +%FT%TZ').output.trim()) - renewals()[0]!).toBeLessThan(20_000)
  })
  it('deny Pods and ConfigMaps, and what controllers make', () => {
    register('deny-pods', { path: '/pods', resources: 'pods' })
    register('deny-maps', { path: '/configmaps', resources: 'configmaps', operations: 'CREATE,UPDATE,DELETE' })
    expect(run('kubectl run -n play web --image=nginx -l webhook-e2e-test=webhook-disallow').output).toBe(`Error from server: ${denied('deny-pods', 'the pod contains unwanted label;')}`)
    expect(run('kubectl run -n play web --image=nginx').output).toBe('pod/web created\n')
    expect(run('kubectl create configmap -n play one --from-literal=webhook-e2e-test=webhook-disallow').output).toBe(`error: failed to create configmap: ${denied('deny-maps', 'the configmap contains unwanted key and value')}`)
    run('kubectl create configmap -n play two --from-literal=webhook-e2e-test=webhook-nondeletable')
    expect(run('kubectl delete configmap -n play two').output).toContain(denied('deny-maps', 'the configmap cannot be deleted because it contains unwanted key and value'))
    expect(run(`kubectl patch configmap -n play two -p '{"data":{"webhook-e2e-test":"webhook-disallow"}}'`).output).toContain(denied('deny-maps', 'the configmap contains unwanted key and value'))
    expect(run(`kubectl patch configmap -n play two -p '{"data":{"webhook-e2e-test":"gone"}}'; kubectl delete configmap -n play two`).output).toBe('configmap/two patched\nconfigmap "two" deleted\n')
    run('kubectl create deployment -n play bad --image=nginx; kubectl patch deployment -n play bad -p \'{"spec":{"template":{"metadata":{"labels":{"webhook-e2e-test":"webhook-disallow"}}}}}\'; sleep 2')
    expect(run('kubectl get events -n play --field-selector reason=FailedCreate -o jsonpath="{.items[0].message}"').output).toBe(`Error creating: ${denied('deny-pods', 'the pod contains unwanted label;').trim()}`)
    expect(run('kubectl get deployment -n play bad -o jsonpath="{.status.readyReplicas} {.status.unavailableReplicas}"').output).toBe('1 1')
    forget('deny-pods')
    forget('deny-maps')
    run('kubectl delete deployment -n play bad')
  })

  it('are held to their time, and may fail where nobody minds', () => {
    const slow = { path: '/always-allow-delay-5s', resources: 'configmaps' }
    register('slow', { ...slow, more: { timeoutSeconds: 1 } })
    expect(run('kubectl create configmap -n play late').output).toBe('error: failed to create configmap: Internal error occurred: failed calling webhook "slow.k8s.io": failed to call webhook: Post "https://e2e-test-webhook.default.svc:8443/always-allow-delay-5s?timeout=1s": context deadline exceeded\n')
    register('slow', { ...slow, more: { timeoutSeconds: 1, failurePolicy: 'Ignore' } })
    expect(run('kubectl create configmap -n play late').output).toBe('configmap/late created\n')
    register('slow', { ...slow, more: { timeoutSeconds: 10, failurePolicy: 'Fail' } })
    expect(run('date +%s; kubectl create configmap -n play later; date +%s').output).toMatch(/^(\d+)\nconfigmap\/later created\n\d+\n$/)
    const [before, , after] = run('date +%s; kubectl create configmap -n play latest; date +%s').output.split('\n')
    expect(Number(after) - Number(before)).toBe(5)
    forget('slow')
  })

  it('are only asked by TLS that can be trusted', () => {
    const failure = (why: string): string => `error: failed to create configmap: Internal error occurred: failed calling webhook "deny.k8s.io": failed to call webhook: Post "https://e2e-test-webhook.default.svc:8443/always-deny?timeout=10s": ${why}\n`
    register('deny', { path: '/always-deny', resources: 'configmaps', ca: '' })
    expect(run('kubectl create configmap -n play x').output).toBe(failure('tls: failed to verify certificate: x509: certificate signed by unknown authority'))
    register('deny', { path: '/always-deny', resources: 'configmaps' })
    expect(run('kubectl create configmap -n play x').output).toBe(`error: failed to create configmap: ${denied('deny', 'this webhook denies all requests')}`)
    run('kubectl scale deployment hook --replicas=0; kubectl wait --for=delete pod -l app=hook --timeout=60s; sleep 2')
    expect(run('kubectl create configmap -n play x').output).toMatch(/: dial tcp 10\.[0-9.]+:8443: connect: connection refused\n$/)
    run('kubectl scale deployment hook --replicas=1; kubectl rollout status deployment hook')
    forget('deny')
  })

  it('are chosen by selectors and conditions, and refuse a dry run that has side effects', () => {
    register('some', { path: '/always-deny', resources: 'configmaps', more: { objectSelector: { matchLabels: { judge: 'me' } } } })
    expect(apply({ kind: 'ConfigMap', metadata: { name: 'free' } })).toBe('configmap/free created\n')
    expect(apply({ kind: 'ConfigMap', metadata: { name: 'judged', labels: { judge: 'me' } } })).toContain(denied('some', 'this webhook denies all requests'))
    register('some', { path: '/always-deny', resources: 'configmaps', more: { matchConditions: [{ name: 'not-mine', expression: 'object.metadata.name.startsWith("bad")' }] } })
    expect(run('kubectl create configmap -n play good').output).toBe('configmap/good created\n')
    expect(run('kubectl create configmap -n play bad').code).toBe(1)
    expect(run('kubectl create configmap -n play bad --dry-run=server').output).toContain(denied('some', 'this webhook denies all requests'))
    expect(register('some', { path: '/always-deny', resources: 'configmaps', more: { sideEffects: 'Some' } })).toBe('The ValidatingWebhookConfiguration "some" is invalid: webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"\n')
    expect(register('some', { path: '/always-deny', resources: 'configmaps', more: { matchConditions: [{ name: 'x', expression: 'objct.metadata' }] } })).toContain("webhooks[0].matchConditions[0].expression: Invalid value: \"objct.metadata\": compilation failed: ERROR: <input>:1:1: undeclared reference to 'objct' (in container '')")
    forget('some')
  })
})

describe('mutating webhooks', () => {
  it('change what is created, one after the other, and again where they ask for it', () => {
    const maps = { kind: 'Mutating' as const, path: '/mutating-configmaps', resources: 'configmaps' }
    register('first', maps)
    register('second', maps)
    expect(apply({ kind: 'ConfigMap', metadata: { name: 'staged' }, data: { 'mutation-start': 'yes' } })).toBe('configmap/staged created\n')
    expect(run('kubectl get configmap -n play staged -o jsonpath="{.data}"').output).toBe('{"mutation-stage-1":"yes","mutation-stage-2":"yes","mutation-start":"yes"}')
    forget('first', 'mutating')
    forget('second', 'mutating')
  })

  it('add containers that are defaulted like those of the user', () => {
    register('sidecar', { kind: 'Mutating', path: '/mutating-pods-sidecar', resources: 'pods' })
    run('kubectl create deployment -n play with --image=nginx; kubectl rollout status -n play deployment with')
    expect(run(`kubectl get pods -n play -l app=with -o jsonpath='{.items[0].spec.containers[*].name} {.items[0].spec.containers[1].terminationMessagePolicy} {.items[0].status.containerStatuses[*].ready}'`).output).toBe('nginx webhook-added-sidecar File true true')
    const container = { name: 'nginx', image: 'nginx' }
    const labels = { app: 'all' }
    const template = { metadata: { labels }, spec: { containers: [container] } }
    const spec = { selector: { matchLabels: labels }, template }
    apply({ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'each' }, spec })
    apply({ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'set' }, spec: { ...spec, serviceName: 'set', replicas: 2 } })
    apply({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'twice' }, spec: { completions: 2, parallelism: 2, template: { spec: { restartPolicy: 'Never', containers: [container] } } } })
    apply({ apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'old' }, spec: { replicas: 2, template: { metadata: { labels: { app: 'old' } }, spec: { containers: [container] } } } })
    run('sleep 20')
    expect(run(`kubectl get pods -n play -o custom-columns=NAME:.metadata.name,N:.spec.containers[*].name --no-headers | grep -E '^(each|set|twice|old)-' | awk '{sub(/-.*/, "", $1); print}' | sort | uniq -c | awk '{$1=$1};1'`).output)
      .toBe('2 each nginx,webhook-added-sidecar\n2 old nginx,webhook-added-sidecar\n2 set nginx,webhook-added-sidecar\n2 twice nginx,webhook-added-sidecar\n')
    expect(run('kubectl get events -n play | grep FailedCreate | grep -vc denied').output).toBe('0\n')
    expect(run('kubectl get pods -n play -l app=with --no-headers').output).toMatch(/^with-[a-z0-9]+-[a-z0-9]{5} +2\/2 +Running/)
    forget('sidecar', 'mutating')
  })

  it('label custom resources, and are told the old object of a change', () => {
    run(`kubectl apply -f - <<'X'
{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "stars.example.com"}, "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "stars", "kind": "Star"}, "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}
X`)
    register('label', { kind: 'Mutating', path: '/add-label', resources: 'stars', group: 'example.com' })
    register('keep', { path: '/custom-resource', resources: 'stars', group: 'example.com', operations: '*' })
    apply({ apiVersion: 'example.com/v1', kind: 'Star', metadata: { name: 'sirius' }, data: { 'webhook-e2e-test': 'webhook-nondeletable' } })
    expect(run('kubectl get star -n play sirius --show-labels --no-headers').output).toMatch(/added-label=yes\n$/)
    expect(run('kubectl delete star -n play sirius').output).toContain(denied('keep', 'the custom resource cannot be deleted because it contains unwanted key and value'))
    forget('keep')
    expect(run('kubectl delete star -n play sirius').code).toBe(0)
    forget('label', 'mutating')
  })
})

describe('what else is written', () => {
  it('an eviction is judged as such, and not as the delete that it leads to', () => {
    run('kubectl run -n play guarded --image=nginx; kubectl wait -n play --for=condition=Ready pod/guarded')
    register('evict', { path: '/always-deny', resources: 'pods/eviction' })
    const evict = (): string => run(`node=$(kubectl get pod -n play guarded -o jsonpath='{.spec.nodeName}'); kubectl drain $node --ignore-daemonsets --force --pod-selector=run=guarded --timeout=2s; kubectl uncordon $node`).output
    expect(evict()).toContain(denied('evict', 'this webhook denies all requests').trim())
    forget('evict')
    register('remove', { path: '/always-deny', resources: 'pods', operations: 'DELETE' })
    // but the kubelet's delete, when the containers are gone, is one
    expect(evict()).not.toContain('denied')
    expect(run('sleep 10; kubectl get pod -n play guarded --no-headers').output).toMatch(/^guarded +[01]\/1 +(Terminating|Completed|Error) /)
    forget('remove')
    expect(run('sleep 60; kubectl get pod -n play guarded').code).toBe(1)
  })

  it('a scale is seen as a Scale, where the subresource is meant', () => {
    run('kubectl create deployment -n play many --image=nginx')
    register('scales', { path: '/always-deny', resources: 'deployments', group: 'apps', operations: 'UPDATE' })
    expect(run('kubectl scale -n play deployment many --replicas=2').output).toBe('deployment.apps/many scaled\n')
    register('scales', { path: '/always-deny', resources: 'deployments/scale', group: 'apps', operations: 'UPDATE' })
    expect(run('kubectl scale -n play deployment many --replicas=3').output).toContain(denied('scales', 'this webhook denies all requests'))
    forget('scales')
  })

  // "should be able to deny attaching pod"
  it('are asked about streams, the operation CONNECT: attach, exec, port-forward and the proxy', () => {
    run(`kubectl apply -n play -f - <<'X'\n${JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'to-be-attached-pod' }, spec: { containers: [{ name: 'container1', image: 'nginx:1.27.5' }] } })}\nX\nkubectl -n play wait --for=condition=Ready pod/to-be-attached-pod`)
    expect(register('connect', { path: '/pods/attach', resources: 'pods/attach', operations: 'CONNECT' })).toBe('validatingwebhookconfiguration.admissionregistration.k8s.io/connect created\n')
    expect(run('echo | kubectl attach -n play to-be-attached-pod -i -c container1').output).toContain(denied('connect', "attaching to pod 'to-be-attached-pod' is not allowed"))
    register('connect', { path: '/always-deny', resources: 'pods/exec,pods/proxy,pods/portforward', operations: 'CONNECT' })
    const no = denied('connect', 'this webhook denies all requests')
    expect(run('kubectl exec -n play to-be-attached-pod -- true')).toEqual({ code: 1, output: `Error from server: ${no}` })
    expect(run('kubectl get --raw /api/v1/namespaces/play/pods/to-be-attached-pod/proxy/')).toEqual({ code: 1, output: `Error from server: ${no}` })
    expect(run('kubectl port-forward -n play pod/to-be-attached-pod 8080:80').output).toContain(no)
    register('connect', { path: '/always-allow-delay-5s', resources: 'pods/exec', operations: 'CONNECT' })
    expect(run('kubectl exec -n play to-be-attached-pod -- echo hello')).toEqual({ code: 0, output: 'hello\n' })
    forget('connect')
    const counted = (name: string): string => run(`kubectl get --raw /metrics | grep '^apiserver_admission_webhook_${name}.*name="connect.k8s.io"'`).output
    expect(counted('rejection_count')).toBe('apiserver_admission_webhook_rejection_count{error_type="no_error",name="connect.k8s.io",operation="CONNECT",rejection_code="400",type="validating"} 4\n')
    expect(counted('admission_duration_seconds_sum{')).toMatch(/rejected="false",type="validating"} 5\.\d+\n/)
  })

  it('are found by the host name of a URL, as the resolver of the API server\'s node has it', () => {
    const at = (host: string): string => register('named', { path: '', resources: 'configmaps', more: { clientConfig: { caBundle: ca, url: `https://${host}:8444/always-deny` } } })
    const tried = (): string => apply({ kind: 'ConfigMap', metadata: { name: 'named' } })
    expect(at('nowhere.example.net')).toBe('validatingwebhookconfiguration.admissionregistration.k8s.io/named created\n')
    expect(tried()).toMatch(/failed calling webhook "named\.k8s\.io": failed to call webhook: Post "https:\/\/nowhere\.example\.net:8444\/always-deny\?timeout=10s": dial tcp: lookup nowhere\.example\.net on [\d.]+:53: no such host\n/)
    run(`IP=$(kubectl get pod -l app=hook -o jsonpath='{.items[0].status.podIP}'); hop node control-plane -- sh -c "echo $IP hook.example.net >> /etc/hosts; crictl stop \\$(crictl ps -q --name kube-apiserver); sleep 60"`)
    at('hook.example.net')
    expect(tried()).toContain('tls: failed to verify certificate: x509: certificate is valid for e2e-test-webhook.default.svc, not hook.example.net')
    forget('named')
  })

  it('the parts of the cluster are who they are', () => {
    const policy = (name: string, resource: string, operation: string, expression: string): string => `kubectl apply -f - <<'X'
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "${name}"}, "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["${operation}"], "resources": ["${resource}"]}]}, "validations": [{"expression": "${expression}", "messageExpression": "'not ' + request.userInfo.username"}]}}
---
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "${name}"}, "spec": {"policyName": "${name}", "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "who"}}}}}
X
`
    run(`kubectl create namespace who; ${policy('who-creates', 'pods', 'CREATE', "request.userInfo.username == 'kubernetes-admin'")}${policy('who-reports', 'pods/status', 'UPDATE', "'system:nodes' in request.userInfo.groups || request.userInfo.username == 'system:kube-scheduler'")}`)
    run('kubectl create deployment -n who web --image=nginx; sleep 1')
    expect(run('kubectl get events -n who --field-selector reason=FailedCreate -o jsonpath="{.items[0].message}"').output).toContain('denied request: not system:serviceaccount:kube-system:replicaset-controller')
    expect(run('kubectl run -n who web --image=nginx; kubectl wait -n who --for=condition=Ready pod/web --timeout=30s').output).toBe('pod/web created\npod/web condition met\n')
    run('kubectl delete validatingadmissionpolicy who-creates who-reports; kubectl delete validatingadmissionpolicybinding who-creates who-reports')
  })

  it('a policy says that it has been looked at', () => {
    run(`kubectl apply -f - <<'X'
{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "p"}, "spec": {"matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]}, "validations": [{"expression": "true"}]}}
X`)
    expect(run(`kubectl get validatingadmissionpolicy p -o jsonpath='{.status}'; kubectl delete validatingadmissionpolicy p >/dev/null`).output).toBe('{"observedGeneration":1,"typeChecking":{}}')
  })
})

describe('a cluster in which nothing may be written', () => {
  const DENY = (kind: string, spec: object): string => JSON.stringify({ apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: 'deny-all' }, spec })
  const ALL = { apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE', 'DELETE'], resources: ['*/*'] }

  it.each(['flannel', 'cilium'])('goes on, and comes back when it is allowed again: %s', (cni) => {
    const { run: tell } = house({ cni })
    tell('kubectl create deployment web --image=nginx --replicas=2; kubectl rollout status deployment web')
    tell(`kubectl apply -f - <<'X'\n${DENY('ValidatingAdmissionPolicy', { matchConstraints: { resourceRules: [ALL] }, validations: [{ expression: 'false', message: 'not now' }] })}\n---\n${DENY('ValidatingAdmissionPolicyBinding', { policyName: 'deny-all', validationActions: ['Deny'] })}\nX`)
    expect(tell('kubectl scale deployment web --replicas=3').output).toBe(`The deployments "web" is invalid: : ValidatingAdmissionPolicy 'deny-all' with binding 'deny-all' denied request: not now\n`)
    tell('hop fault apply node-down worker-1; sleep 60; hop fault clear --all; sleep 60')
    expect(tell('kubectl delete validatingadmissionpolicybinding deny-all; sleep 60; kubectl scale deployment web --replicas=3; kubectl rollout status deployment web --timeout=60s').output).toContain('successfully rolled out')
    expect(tell('kubectl get nodes --no-headers | grep -cw Ready').output).toBe('3\n')
  })
})

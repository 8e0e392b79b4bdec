import { beforeEach, describe, expect, it } from 'vitest'
import { clusterAuthority } from '../engine/programs/kube-apiserver/certificate.ts'
import { toPem } from '../engine/programs/tls/x509.ts'
import { CLUSTER_CA } from '../engine/kubernetes/cluster-ca.ts'
import { house, type House } from './house.samples.ts'

/** The API server as Pods reach it: packets to the Service kubernetes, TLS, a token, RBAC. */
let lab: House
const run = (script: string): string => lab.run(script).output
const POD = (name: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec: {nodeName: worker-1, ${more}containers: [{name: c, image: nicolaka/netshoot, command: [sleep, infinity]}]}
---`
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'
const AS_POD = `--cacert ${ACCOUNT}/ca.crt -H "Authorization: Bearer $(cat ${ACCOUNT}/token)"`
const inPod = (name: string, script: string): ReturnType<House['run']> => lab.run(`kubectl exec ${name} -- sh -c '${script}'`)

beforeEach(() => {
  lab = house()
  expect(run(`kubectl apply -f - >/dev/null <<'EOF'\n
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---${POD('client')}${POD('reader', 'serviceAccountName: reader, ')}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
EOF\nsleep 10`)).toBe('')
})

describe('the Service kubernetes', () => {
  it('is a way to the API server through the packet path: its version is for everybody', () => {
    expect(inPod('client', 'curl -sk https://kubernetes.default.svc/version').output).toContain('"gitVersion": "v1.33.1"')
    expect(run('hop trace default/client https://kubernetes/ -o json | jq -r .finalDestination').trim()).toBe('172.18.0.2:6443')
  })

  it('shows a certificate that ca.crt vouches for, by name and by address', () => {
    expect(inPod('client', `curl -s -o /dev/null -w "%{http_code}" --cacert ${ACCOUNT}/ca.crt https://kubernetes.default/healthz`).output).toBe('200')
    expect(inPod('client', `curl -s -o /dev/null -w "%{http_code}" --cacert ${ACCOUNT}/ca.crt https://$KUBERNETES_SERVICE_HOST/healthz`).output).toBe('200')
    expect(inPod('client', 'curl -s https://kubernetes.default/healthz').code).toBe(60)
    expect(toPem('CERTIFICATE', clusterAuthority().certificate.der).trim()).toBe(CLUSTER_CA.trim())
  })

  it('tells those without a token who they are, and what they may not', () => {
    const { output } = inPod('client', 'curl -sk https://kubernetes/api/v1/namespaces/default/pods')
    expect(JSON.parse(output)).toEqual({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Forbidden', details: { kind: 'pods' }, code: 403,
      message: 'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"',
    })
    expect(inPod('client', 'curl -sk https://kubernetes/').output).toContain('"message": "forbidden: User \\"system:anonymous\\" cannot get path \\"/\\""')
    expect(inPod('client', 'curl -sk -H "Authorization: Bearer none" https://kubernetes/api').output).toContain('"reason": "Unauthorized"')
    expect(inPod('client', 'curl -s http://kubernetes:443/').output).toContain('Client sent an HTTP request to an HTTPS server.')
  })

  it('lets a ServiceAccount do what its roles allow, and nothing else', () => {
    const list = 'https://kubernetes.default/api/v1/namespaces/default/pods'
    expect(inPod('client', `curl -s ${AS_POD} ${list}`).output).toContain('pods is forbidden: User \\"system:serviceaccount:default:default\\" cannot list resource \\"pods\\"')
    expect(JSON.parse(inPod('reader', `curl -s ${AS_POD} ${list}`).output).items.map((p: { metadata: { name: string } }) => p.metadata.name)).toEqual(['client', 'reader'])
    expect(inPod('reader', `curl -s ${AS_POD} ${list}/client`).output).toContain('"kind": "Pod"')
    expect(inPod('reader', `curl -s -X DELETE ${AS_POD} ${list}/client`).output).toContain('pods \\"client\\" is forbidden: User \\"system:serviceaccount:default:reader\\" cannot delete resource \\"pods\\" in API group \\"\\" in the namespace \\"default\\"')
    run('kubectl delete rolebinding reader')
    expect(inPod('reader', `curl -s -o /dev/null -w "%{http_code}" ${AS_POD} ${list}`).output).toBe('403')
  })

  it('is where kubectl in a Pod finds its cluster: as its ServiceAccount, with exec and port-forward as far as its roles go', () => {
    expect(run(`kubectl apply -f - >/dev/null <<'EOF'
apiVersion: v1
kind: Pod
metadata: {name: tool}
spec: {serviceAccountName: reader, containers: [{name: c, image: bitnami/kubectl, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: c, image: nginx}]}
EOF
sleep 10`)).toBe('')
    expect(inPod('tool', 'kubectl get pod client -o name; kubectl config view -o jsonpath="{.clusters}"').output).toBe('pod/client\nnull')
    expect(inPod('tool', 'kubectl get services').output).toContain('Error from server (Forbidden): services is forbidden: User "system:serviceaccount:default:reader" cannot list resource "services" in API group "" in the namespace "default"')
    expect(inPod('tool', 'kubectl exec client -- hostname').output).toContain('Error from server (Forbidden): pods "client" is forbidden: User "system:serviceaccount:default:reader" cannot create resource "pods/exec" in API group "" in the namespace "default"')
    run('kubectl create role talker --verb=get,create --resource=pods/exec,pods/portforward; kubectl create rolebinding talker --role=talker --serviceaccount=default:reader')
    expect(inPod('tool', 'echo hi | kubectl exec -i client -- sh -c "hostname; cat"').output).toBe('client\nhi\n')
    expect(inPod('tool', 'kubectl port-forward web 9000:80 >/dev/null & sleep 1; curl -s localhost:9000 -m 2').output).toContain('Welcome to nginx')
    // the packets go to the Service: without a way there is no answer
    expect(inPod('tool', 'KUBERNETES_SERVICE_HOST=10.96.0.77 kubectl get pods').output).toContain('Unable to connect to the server: dial tcp 10.96.0.77:443: i/o timeout')
    expect(inPod('reader', `curl -s ${AS_POD} https://kubernetes/api/v1/namespaces/default/pods/client/exec?command=ls`).output).toContain('"message": "Upgrade request required"')
    const pods = 'https://kubernetes/api/v1/namespaces/default/pods'
    expect(inPod('reader', `curl -s ${AS_POD} ${pods}/nobody/exec?command=ls`).output).toContain('"message": "pods \\"nobody\\" not found"')
    expect(inPod('reader', `curl -s ${AS_POD} "${pods}/client/exec?command=ls&container=x"`).output).toContain('"message": "container x is not valid for pod client"')
    expect(inPod('reader', `curl -s --http1.1 ${AS_POD} -H Connection:Upgrade -H Upgrade:SPDY/3.1 ${pods}/client/exec?command=ls`).output).toContain('podhop: not simulated: exec over SPDY (speak WebSocket, or use kubectl exec,')
  })

  it('takes exec, attach and port-forward over WebSocket from any program', () => {
    run('kubectl create role talker --verb=get,create --resource=pods/exec,pods/portforward; kubectl create rolebinding talker --role=talker --serviceaccount=default:reader; kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web')
    const pods = 'https://kubernetes/api/v1/namespaces/default/pods'
    const asked = (path: string, protocol = 'v4.channel.k8s.io'): string => `curl -isN -m 5 --http1.1 ${AS_POD} -H Connection:Upgrade -H Upgrade:websocket -H Sec-WebSocket-Version:13 -H Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ== -H Sec-WebSocket-Protocol:${protocol} "${pods}/${path}"`
    // the key is that of RFC 6455, 1.3; between the lines that are looked for are lengths and channels
    const lines = (path: string, protocol?: string): string[] => inPod('reader', `${asked(path, protocol)} | tr -c "[:print:]" "\\n"`).output.split('\n').filter((line) => line.length > 1)
    expect(lines('client/exec?command=hostname&stdout=true')).toEqual([
      'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'Sec-WebSocket-Protocol: v4.channel.k8s.io',
      'client', '{"metadata":{},"status":"Success"}',
    ])
    expect(lines('client/exec?command=sh&command=-c&command=echo+bad+%3E%262%3Bexit+4&stdout=1&stderr=1', 'v5.channel.k8s.io').slice(5)).toEqual([
      'bad', expect.stringContaining('"message":"command terminated with non-zero exit code: error executing command [sh -c echo bad >&2;exit 4], exit code 4","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"4"}]}}'),
    ])
    expect(lines('client/exec?command=hostname&stdout=1', 'base64.channel.k8s.io').slice(5)).toEqual(['1Y2xpZW50Cg=='])
    expect(inPod('reader', `${asked('client/exec?command=ls')} | tail -20`).output).toContain('"message": "you must specify at least one of stdin, stdout, stderr"')
    expect(inPod('reader', `${asked('client/exec?stdout=1')} | tail -20`).output).toContain('"message": "you must specify at least one command for the container"')
    expect(inPod('reader', `${asked('client/exec?command=ls&stdout=1', 'v9.channel.k8s.io')} | tail -20`).output).toContain('unable to negotiate protocol: client supports [v9.channel.k8s.io]')
    // channels of data and of errors begin with the port
    expect(inPod('reader', `${asked('web/portforward?ports=80')} | tail -c 10 | od -An -tx1`).output).toBe(' 82 03 00 50 00 82 03 01 50 00\n')
    expect(inPod('reader', `${asked('web/portforward?ports=81')} | tr -c "[:print:]" "\\n"`).output).toMatch(/error forwarding port 81 to pod .*: connect: connection refused/)
  })

  it('streams a watch, and is gone with its container', () => {
    expect(inPod('reader', `timeout 8 curl -sN ${AS_POD} "https://kubernetes.default/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name%3Dclient" | head -c 60`).output).toMatch(/^\{"type":"ADDED","object":\{"kind":"Pod"/)
    run('hop fault apply apiserver-down; sleep 5')
    const { code, output } = lab.run('hop node worker-1 -- curl -sk -m 3 https://10.96.0.1/version')
    expect([code, output]).toEqual([7, ''])
    run('hop fault clear --all; sleep 60')
    expect(lab.run('hop node worker-1 -- curl -sk -o /dev/null -m 3 https://10.96.0.1/version').code).toBe(0)
  })
})

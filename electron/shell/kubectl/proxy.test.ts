import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('kubectl proxy and plugins', () => {
  const lab = house({ nodes: 2 })

  it('serves the API on the port of the laptop that kubectl proxy of life takes', () => {
    const { output } = lab.run('kubectl proxy & sleep 1; curl -s http://127.0.0.1:8001/api/v1/namespaces/default | jq -r .metadata.name; curl -si http://127.0.0.1:8001/api/v1/namespaces/default/pods/x/exec | head -1; curl -s -H "Host: evil.example" http://127.0.0.1:8001/api; kubectl proxy; kill %1; wait; curl -s http://127.0.0.1:8001/; echo $?')
    expect(output).toContain('Starting to serve on 127.0.0.1:8001\n')
    expect(output).toMatch(/^default\r?$/m)
    expect(output).toMatch(/^HTTP\/1.1 403 Forbidden\r?$/m)
    expect(output).toMatch(/^Forbidden\r?$/m)
    expect(output).toContain('error: listen tcp 127.0.0.1:8001: bind: address already in use')
    expect(output.trimEnd().endsWith('7')).toBe(true)
  })

  it('watches through it', () => {
    const { output } = lab.run('kubectl proxy --port=9001 & sleep 1; curl -sN "http://localhost:9001/api/v1/namespaces/default/configmaps?watch=1" > /tmp/seen & sleep 1; kubectl create configmap late --from-literal=a=b; sleep 1; kill %2 %1; wait; grep -c late /tmp/seen')
    expect(output).toMatch(/^1\r?$/m)
  })

  it('reaches Pods, Services and ports of nodes through the API server, which sends packets of its own', () => {
    lab.run('kubectl run web --image=nginx --port=80; kubectl expose pod web --port=8000 --target-port=80; kubectl wait --for=condition=Ready pod/web; kubectl exec web -- sh -c "echo \'<a href=/b><img src=\\"/c.png\\"></a><a href=//else/x>\' > /usr/share/nginx/html/links.html"')
    const raw = (path: string) => lab.run(`kubectl get --raw ${path}`).output
    const root = '/api/v1/namespaces/default'
    expect(raw(`${root}/pods/web/proxy`)).toContain('Welcome to nginx!')
    expect(raw(`${root}/services/http:web:8000/proxy/`)).toContain('Welcome to nginx!')
    // What a page points to is found below the proxy as well.
    expect(raw(`${root}/services/web/proxy/links.html`)).toBe(`<a href=${root}/services/web/proxy/b><img src="${root}/services/web/proxy/c.png"></a><a href=//else/x>\n`)
    expect(raw('/api/v1/nodes/control-plane:10256/proxy/healthz')).toContain('"nodeEligible": true')
    const { output } = lab.run(`kubectl proxy & sleep 1; curl -si -A me http://127.0.0.1:8001${root}/pods/web/proxy/nope?a=1 | head -1; kill %1; wait; kubectl logs web | tail -1`)
    expect(output).toMatch(/^HTTP\/1.1 404 Not Found\r?$/m)
    expect(output).toMatch(/^10\.244\.0\.0 .* "GET \/nope\?a=1 HTTP\/1\.1" 404 153 "-" "me" "127\.0\.0\.1, 192\.0\.2\.10"\r?$/m)
  })

  it('says why nobody answers through the API server', () => {
    const raw = (path: string) => lab.run(`kubectl get --raw ${path}`).output
    const root = '/api/v1/namespaces/default'
    const ip = lab.run("kubectl get pod web -o jsonpath='{.status.podIP}'").output
    expect(raw(`${root}/pods/web:81/proxy/`)).toBe(`Error from server (ServiceUnavailable): error trying to reach service: dial tcp ${ip}:81: connect: connection refused\n`)
    expect(raw(`${root}/pods/https:web:80/proxy/`)).toBe('Error from server (ServiceUnavailable): error trying to reach service: http: server gave HTTP response to HTTPS client\n')
    expect(lab.run('kubectl logs web | tail -1').output).toMatch(/^10\.244\.0\.0 .* "\\x16\\x03\\x01.*" 400 157 "-" "-" "-"\r?$/m)
    expect(raw(`${root}/services/web:99/proxy/`)).toBe('Error from server (ServiceUnavailable): no service port 99 found for service "web"\n')
    expect(raw(`${root}/services/a:b:c:d/proxy/`)).toBe('Error from server (BadRequest): invalid service request "a:b:c:d"\n')
    expect(raw('/api/v1/nodes/control-plane/proxy/stats/summary')).toMatch(/^podhop: not simulated: the kubelet's \/stats\/summary \(/)
    expect(raw('/api/v1/nodes/control-plane/proxy/healthz')).toBe('ok')
    expect(raw('/api/v1/nodes/control-plane/proxy/pods')).toMatch(/^\{"kind":"PodList","apiVersion":"v1","metadata":\{\},"items":\[\{"metadata":\{/)
    // who has no client certificate needs a token, and one that may
    const own = 'curl -sk -H "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" https://172.18.0.2:10250/healthz'
    expect(lab.run(`kubectl exec web -- sh -c 'curl -sk https://172.18.0.2:10250/healthz; echo; ${own}'`).output).toBe('Unauthorized\nForbidden (user=system:serviceaccount:default:default, verb=get, resource=nodes, subresource(s)=[healthz proxy])\n')
    expect(lab.run('hop node control-plane -- curl -s http://127.0.0.1:10248/healthz').output).toBe('ok')
    expect(lab.run('hop node control-plane -- curl -s http://127.0.0.1:10249/proxyMode').output).toBe('iptables')
    lab.run('kubectl create service clusterip empty --tcp=80')
    expect(raw(`${root}/services/empty/proxy/`)).toBe('Error from server (ServiceUnavailable): no endpoints available for service "empty"\n')
    expect(raw(`${root}/services/https:empty:/proxy/`)).toBe('Error from server (ServiceUnavailable): no endpoints available for service "empty"\n')
    expect(raw(`${root}/services/http:web:bogus/proxy/`)).toBe('Error from server (ServiceUnavailable): no endpoints available for service "http:web:bogus"\n')
  })

  it('lets only those through whose roles allow the subresource proxy', () => {
    const as = () => lab.run('kubectl get --raw /api/v1/namespaces/default/pods/web/proxy/ --as=nobody').output
    expect(as()).toBe('Error from server (Forbidden): pods "web" is forbidden: User "nobody" cannot get resource "pods/proxy" in API group "" in the namespace "default"\n')
    lab.run('kubectl create clusterrole p --verb=get --resource=pods/proxy; kubectl create clusterrolebinding p --clusterrole=p --user=nobody')
    expect(as()).toContain('Welcome to nginx!')
  })

  it('runs what is called kubectl-… in the PATH, and lists it', () => {
    lab.run('mkdir -p ~/bin; printf "#!/bin/bash\\necho plugin: \\$*\\n" > ~/bin/kubectl-hello; chmod +x ~/bin/kubectl-hello; export PATH=$PATH:$HOME/bin')
    expect(lab.run('PATH=$PATH:$HOME/bin kubectl hello you -x').output).toBe('plugin: you -x\n')
    expect(lab.run('PATH=$PATH:$HOME/bin kubectl plugin list').output).toMatch(/The following compatible plugins are available:\n\n\/\S+\/bin\/kubectl-hello\n/)
    expect(lab.run('kubectl plugin list').output).toContain('error: unable to find any kubectl plugins in your PATH\n')
  })
})

import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

/** IngressRouteTCP by names, MiddlewareTCP and ServersTransport of Traefik v3.3.6 (pkg/server/router/tcp, pkg/provider/kubernetes/crd). */
describe('Traefik: TLS by its name, gates of connections, and servers that are asked over HTTPS', () => {
  let run: House['run']
  let web: string
  let secure: string
  const get = (host: string, options = ''): string => run(`curl -sk ${options} --resolve ${host}:${secure}:${NODE} https://${host}:${secure}/ 2>&1; echo " $?"`).output
  const subject = (host: string): string => /subject: (.*)/.exec(run(`curl -vsk --resolve ${host}:${secure}:${NODE} https://${host}:${secure}/ 2>&1`).output)?.[1] ?? 'none'
  const log = (): string => run('kubectl -n traefik logs deploy/traefik').output
  const tcp = (name: string, match: string, tls: string, more = ''): string => `apiVersion: traefik.io/v1alpha1
kind: IngressRouteTCP
metadata: {name: ${name}}
spec: {entryPoints: [websecure], routes: [{match: '${match}', services: [{name: ${tls.includes('passthrough') ? 'own-tls, port: 443' : 'plain, port: 80'}}]${more}}]${tls === '' ? '' : `, tls: ${tls}`}}
---
`
  const http = (name: string, transport: string): string => `apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {name: ${name}}
spec: {entryPoints: [web], routes: [{kind: Rule, match: 'Host(\`${name}.example.com\`)', services: [{name: own-tls, port: 443${transport}}]}]}
---
`
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'traefik' }))
    run(`for name in behind ended; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj "/CN=$name" -addext 'subjectAltName=DNS:*.example.com' 2>/dev/null; kubectl create secret tls $name --cert=$name.crt --key=$name.key; done
      kubectl create secret generic ca --from-file=ca.crt=behind.crt
      kubectl create configmap own-tls --from-literal=tls.conf='server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; return 200 "behind\\n"; }'
      kubectl create deployment plain --image=hashicorp/http-echo -- /http-echo -listen=:80 -text=plain; kubectl expose deployment plain --port=80
      kubectl apply -f - <<'END'
apiVersion: v1
kind: Pod
metadata: {name: own-tls, labels: {app: own-tls}}
spec:
  containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}]
  volumes: [{name: s, secret: {secretName: behind}}, {name: c, configMap: {name: own-tls}}]
---
apiVersion: traefik.io/v1alpha1
kind: MiddlewareTCP
metadata: {name: nobody}
spec: {ipAllowList: {sourceRange: [192.0.2.0/24]}}
---
apiVersion: traefik.io/v1alpha1
kind: MiddlewareTCP
metadata: {name: one}
spec: {inFlightConn: {amount: 1}}
---
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {name: blind}
spec: {insecureSkipVerify: true}
---
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {name: trusting}
spec: {serverName: own.example.com, rootCAsSecrets: [ca]}
---
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {name: misnamed}
spec: {serverName: own.example.org, rootCAsSecrets: [ca]}
---
${tcp('passes', 'HostSNI(\`passes.example.com\`)', '{passthrough: true}')}
${tcp('pattern', 'HostSNIRegexp(\`^.+\\.wild\\.example\\.com$\`) && !ClientIP(\`192.0.2.1\`)', '{passthrough: true}')}
${tcp('ends', 'HostSNI(\`ends.example.com\`)', '{secretName: ended}')}
${tcp('kept-out', 'HostSNI(\`out.example.com\`)', '{passthrough: true}', ', middlewares: [{name: nobody}]')}
${tcp('counted', 'HostSNI(\`one.example.com\`)', '{passthrough: true}', ', middlewares: [{name: one}]')}
${tcp('lost', 'HostSNI(\`lost.example.com\`)', '{passthrough: true}', ', middlewares: [{name: absent}]')}
${tcp('named', 'HostSNI(\`named.example.com\`)', '')}
${http('doubted', '')}${http('blind', ', serversTransport: blind')}${http('trusting', ', serversTransport: trusting')}${http('misnamed', ', serversTransport: misnamed')}${http('absent', ', serversTransport: absent')}
END
      kubectl expose pod own-tls --port=443; kubectl create ingress web --rule="web.example.com/*=plain:80,tls=ended"; kubectl wait pod own-tls --for=condition=Ready; kubectl rollout status deploy plain; sleep 5`)
    ;[web, secure] = run(`kubectl -n traefik get svc traefik -o jsonpath='{.spec.ports[*].nodePort}'`).output.split(' ') as [string, string]
  })

  it('TLS goes on as it came, by the name that the client says', () => {
    expect([get('passes.example.com'), subject('passes.example.com')]).toEqual(['behind\n 0\n', 'CN=behind'])
    expect(get('a.wild.example.com')).toBe('behind\n 0\n')
  })

  it('or it ends here, and bytes go on without it', () => {
    expect([get('ends.example.com'), subject('ends.example.com')]).toEqual(['plain\n 0\n', 'CN=ended'])
  })

  it('HTTPS is served beside it, and answers names that nobody has', () => {
    expect(get('web.example.com')).toBe('plain\n 0\n')
    expect(get('nobody.example.com')).toBe('404 page not found\n 0\n')
  })

  it('a name without TLS is refused, and a middleware that is not there takes its route out of use', () => {
    expect(log()).toContain('ERR error="invalid rule: \\"HostSNI(`named.example.com`)\\" , has HostSNI matcher, but no TLS on router" entryPointName=websecure')
    expect(log()).toContain('ERR error="middleware \\"default-absent@kubernetescrd\\" does not exist" entryPointName=websecure routerName=default-lost-')
    expect(get('lost.example.com')).toBe('404 page not found\n 0\n')
  })

  it('MiddlewareTCP: who is not on the list finds the connection closed, and so does a second one at once', () => {
    expect(get('out.example.com')).toBe(' 35\n')
    expect(run(`(openssl s_client -connect ${NODE}:${secure} -servername one.example.com < <(sleep 5) >/dev/null 2>&1 &) ; sleep 1; curl -sk --resolve one.example.com:${secure}:${NODE} https://one.example.com:${secure}/; echo $?; sleep 8; curl -sk --resolve one.example.com:${secure}:${NODE} https://one.example.com:${secure}/`).output).toBe('35\nbehind\n')
  })

  it('ServersTransport: servers whose certificate nobody vouches for are asked all the same, or with an authority and a name of their own', () => {
    const ask = (name: string): string => run(`curl -s -w ' %{http_code}' -H 'Host: ${name}.example.com' http://${NODE}:${web}/`).output
    expect(['doubted', 'blind', 'trusting', 'misnamed'].map(ask)).toEqual(['Internal Server Error 500', 'behind\n 200', 'behind\n 200', 'Internal Server Error 500'])
    expect(ask('absent')).toBe('404 page not found\n 404')
    run('kubectl annotate svc own-tls traefik.ingress.kubernetes.io/service.serverstransport=default-blind@kubernetescrd; kubectl create ingress own --rule="own.example.com/*=own-tls:443"; sleep 5')
    expect(ask('own')).toBe('behind\n 200')
  })
})

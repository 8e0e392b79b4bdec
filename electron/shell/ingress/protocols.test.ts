import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'

describe('WebSocket and HTTPS behind Services and an Ingress', () => {
  let run: House['run']
  let http: string
  let https: string
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80 --type=NodePort
      openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 30 -subj /CN=safe -addext subjectAltName=DNS:safe.default.svc.cluster.local,DNS:safe 2>/dev/null; kubectl create secret tls safe --cert=tls.crt --key=tls.key
      kubectl apply -f - <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: safe}
spec:
  selector: {matchLabels: {app: safe}}
  template:
    metadata: {labels: {app: safe}}
    spec:
      containers:
      - name: whoami
        image: traefik/whoami:v1.11
        args: [--port=8443, --cert=/tls/tls.crt, --key=/tls/tls.key]
        readinessProbe: {httpGet: {port: 8443, scheme: HTTPS}, periodSeconds: 1}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: safe}}]
END
      kubectl expose deployment safe --port=443 --target-port=8443
      kubectl create ingress web --class=nginx --rule="shop.example.com/*=web:80"
      kubectl create ingress safe --class=nginx --rule="safe.example.com/*=safe:443" --annotation=nginx.ingress.kubernetes.io/backend-protocol=HTTPS
      kubectl run client --image=alpine --command -- sleep infinity
      kubectl rollout status deployment web safe; kubectl wait --for=condition=Ready pod/client; sleep 6`)
    ;[http, https] = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
  })

  it('messages come back, straight and through the controller, in TLS too', () => {
    const port = run(`kubectl get svc web -o jsonpath='{.spec.ports[0].nodePort}'`).output
    expect(run(`printf 'one\\ntwo\\n' | websocat ws://${NODE}:${port}/echo`).output).toBe('one\ntwo\n')
    expect(run(`printf 'one\\ntwo\\n' | websocat -H 'Host: shop.example.com' ws://${NODE}:${http}/echo`).output).toContain('one\ntwo\n')
    expect(run(`echo hello | websocat -k wss://${NODE}:${https}/echo`).output).toContain('unexpected status code (404 Not Found)')
  })

  it('curl shows the switch of protocols, and then waits for what it does not speak', () => {
    const { output, code } = run(`curl -sS -i -N -m 2 -H 'Host: shop.example.com' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://${NODE}:${http}/echo`)
    expect(output).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\nDate: .*\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n/)
    expect(code).toBe(28)
  })

  it('the kubelet asks by HTTPS, and the controller may', () => {
    expect(run('kubectl get pods -l app=safe').output).toMatch(/safe-[^ ]+ +1\/1 +Running/)
    expect(run(`curl -s -H 'Host: safe.example.com' http://${NODE}:${http}/`).output).toContain('X-Forwarded-Host: safe.example.com')
  })

  it('busybox wget does not look at certificates, and says so', () => {
    const { output, code } = run('kubectl exec client -- wget -qO- https://safe/')
    expect([output.split('\n')[0], code]).toEqual(['wget: note: TLS certificate validation not implemented', 0])
    expect(output).toContain('Host: safe')
  })

  it('whoever speaks plain HTTP there is told', () => {
    const ip = run(`kubectl get pods -l app=safe -o jsonpath='{.items[0].status.podIP}'`).output
    expect(run(`kubectl exec client -- wget -qO- http://${ip}:8443/`).output).toContain('wget: server returned error: HTTP/1.0 400 Bad Request')
  })

  it('openssl s_client shows what the server showed', () => {
    const { output } = run(`openssl s_client -connect ${NODE}:${https} -servername nobody.example.com </dev/null`)
    expect(output).toContain('depth=0 O = Acme Co, CN = Kubernetes Ingress Controller Fake Certificate\nverify error:num=18:self-signed certificate\nverify return:1\n')
    expect(output).toMatch(/\nsubject=O = Acme Co, CN = Kubernetes Ingress Controller Fake Certificate\n[^]*Verify return code: 18 \(self-signed certificate\)\n---\nDONE\n$/)
    expect(run('openssl x509 -in tls.crt -noout -subject -ext subjectAltName').output).toBe('subject=CN = safe\nX509v3 Subject Alternative Name: \n    DNS:safe.default.svc.cluster.local, DNS:safe\n')
  })
})

/** --enable-ssl-passthrough (pkg/tcpproxy) and the ConfigMap's defaults of ingress-nginx v1.12.2. */
describe('TLS through ingress-nginx as it came, and what its ConfigMap says for all', () => {
  let run: House['run']
  let http: string
  let https: string
  const log = (): string => run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output
  const subject = (host: string): string => /subject: (.*)/.exec(run(`curl -vsk --resolve ${host}:${https}:${NODE} https://${host}:${https}/ 2>&1`).output)?.[1] ?? 'none'
  const status = (host: string, options = ''): string => run(`curl -s -o /dev/null -w '%{http_code}' ${options} -H 'Host: ${host}' http://${NODE}:${http}/`).output
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -days 30 -subj /CN=behind 2>/dev/null; kubectl create secret tls safe --cert=tls.crt --key=tls.key
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: safe, labels: {app: safe}}, spec: {containers: [{name: c, image: 'traefik/whoami:v1.11', args: [--port=8443, --cert=/tls/tls.crt, --key=/tls/tls.key], volumeMounts: [{name: tls, mountPath: /tls}]}], volumes: [{name: tls, secret: {secretName: safe}}]}}
END
      kubectl expose pod safe --port=443 --target-port=8443; kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80
      kubectl create ingress web --class=nginx --rule="shop.example.com/*=web:80"
      kubectl create ingress small --class=nginx --rule="small.example.com/*=web:80" --annotation=nginx.ingress.kubernetes.io/proxy-body-size=1k
      kubectl create ingress safe --class=nginx --rule="safe.example.com/*=safe:443" --annotation=nginx.ingress.kubernetes.io/ssl-passthrough=true
      kubectl create ingress deep --class=nginx --rule="deep.example.com/only*=safe:443" --annotation=nginx.ingress.kubernetes.io/ssl-passthrough=true
      kubectl wait pod safe --for=condition=Ready; kubectl rollout status deployment web; sleep 6; head -c 3000 /dev/zero > /tmp/body`)
    ;[http, https] = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort} {.spec.ports[1].nodePort}'`).output.split(' ') as [string, string]
  })

  it('the annotation alone does nothing; with the flag TLS goes on by its name, and plain requests as before', () => {
    expect(subject('safe.example.com')).toBe('O=Acme Co; CN=Kubernetes Ingress Controller Fake Certificate')
    run(`kubectl -n ingress-nginx patch deployment ingress-nginx-controller --type json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--enable-ssl-passthrough"}]'; kubectl -n ingress-nginx rollout status deployment ingress-nginx-controller; sleep 5`)
    expect(['safe.example.com', 'shop.example.com', 'deep.example.com'].map(subject)).toEqual(['CN=behind', 'O=Acme Co; CN=Kubernetes Ingress Controller Fake Certificate', 'O=Acme Co; CN=Kubernetes Ingress Controller Fake Certificate'])
    expect(log()).toContain('Ignoring SSL Passthrough for location "/only" in server "deep.example.com"')
    expect(status('shop.example.com')).toBe('200')
  })

  it('who goes before the answer is logged with 499, at once', () => {
    expect(run(`curl -s -m 1 -H 'Host: shop.example.com' 'http://${NODE}:${http}/?wait=5s'`).code).toBe(28)
    run('sleep 1')
    expect(log()).toMatch(/"GET \/\?wait=5s HTTP\/1\.1" 499 0 "-" "curl\/7\.88\.1" \d+ (1\.0|0\.9)\d\d \[default-web-80\] \[\] 10\.244\.\d\.\d+:80 0 (1\.0|0\.9)\d\d - [0-9a-f]{32}\n/)
    expect(status('shop.example.com')).toBe('200')
  })

  it('a size of bodies for all, unless an Ingress has its own; and what is not simulated of it is said', () => {
    const post = (host: string): string => status(host, '--data-binary @/tmp/body')
    expect([post('shop.example.com'), post('small.example.com')]).toEqual(['200', '413'])
    run(`kubectl -n ingress-nginx patch configmap ingress-nginx-controller -p '{"data":{"proxy-body-size":"2k","brotli-level":"4"}}'; sleep 5`)
    expect([post('shop.example.com'), post('small.example.com'), status('shop.example.com')]).toEqual(['413', '413', '200'])
    run(`kubectl -n ingress-nginx patch configmap ingress-nginx-controller -p '{"data":{"proxy-body-size":"8m"}}'; sleep 5`)
    expect([post('shop.example.com'), post('small.example.com')]).toEqual(['200', '413'])
    expect(log()).toContain('podhop: not simulated: brotli-level of ConfigMap ingress-nginx/ingress-nginx-controller (the default is)')
    expect(log()).not.toContain('podhop: not simulated: proxy-body-size')
  })
})

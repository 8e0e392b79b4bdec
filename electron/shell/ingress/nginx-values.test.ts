import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from '../house.samples.ts'

const NODE = '172.18.0.3'
const REFUSED = 'error: failed to create ingress: admission webhook "validate.nginx.ingress.kubernetes.io" denied the request: '

describe('ingress-nginx and what annotations may say', () => {
  let run: House['run']
  let port: string
  const get = (host: string, options = ''): string => run(`curl -s ${options} -H 'Host: ${host}' http://${NODE}:${port}/`).output
  const status = (host: string): string => get(host, "-o /dev/null -w '%{http_code}'")
  const logs = (): string => run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output
  beforeAll(() => {
    ;({ run } = house({ ingressController: 'nginx' }))
    run('kubectl create deployment web --image=traefik/whoami:v1.11; kubectl expose deployment web --port=80; kubectl rollout status deployment web; sleep 3')
    port = run(`kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}'`).output
  })

  it.each([
    ['limit-rps', 'many'], ['default-backend', 'Web_1'], ['permanent-redirect', 'https://example.com/;return'], ['permanent-redirect-code', '3o1'], ['custom-http-errors', '200,404'], ['upstream-hash-by', '$request uri!'], ['upstream-vhost', 'a;b'], ['auth-type', 'bearer'], ['load-balance', 'fair'], ['server-alias', 'a.example.com,b c;'],
  ])('%s: %s is refused by the admission webhook', (short, value) => {
    const full = `nginx.ingress.kubernetes.io/${short}`
    expect(run(`kubectl create ingress bad --class=nginx --rule='bad.example.com/*=web:80' --annotation '${full}=${value}'`).output).toBe(`${REFUSED}annotation ${full} contains invalid value\n`)
  })

  it('others are taken as if they were not said, and the log tells of them', () => {
    expect(run(`kubectl create ingress odd --class=nginx --rule='odd.example.com/*=web:80' --annotation nginx.ingress.kubernetes.io/enable-cors=yes --annotation 'nginx.ingress.kubernetes.io/rewrite-target=/a b;' --annotation nginx.ingress.kubernetes.io/proxy-body-size=big --annotation nginx.ingress.kubernetes.io/canary=perhaps; sleep 5`).output).toBe('ingress.networking.k8s.io/odd created\n')
    expect(get('odd.example.com')).toMatch(/GET \/ HTTP\/1\.1/)
    expect(get('odd.example.com', '-i -H "Origin: https://a.example"')).not.toContain('Access-Control')
    const said = logs()
    for (const text of ['validation error on ingress default/odd: annotation enable-cors contains invalid value yes', "enable-cors is invalid, defaulting to 'false'", 'rewrite-targetis invalid, defaulting to empty', 'annotation proxy-body-size contains invalid value big', "canary is invalid, defaulting to '0'".replace("'0'", "'false'")]) expect(said).toContain(text)
    expect(run('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').output).not.toContain('big')
  })

  it.each([
    ['whitelist-source-range', '10.0.0.0/33', 'err="annotation nginx.ingress.kubernetes.io/whitelist-source-range contains invalid value" name="Allowlist"'],
    ['denylist-source-range', 'nobody', 'err="annotation nginx.ingress.kubernetes.io/denylist-source-range contains invalid value" name="Denylist"'],
    ['auth-url', 'web.default.svc/leave', 'err="could not parse auth-url annotation: url scheme is empty" name="ExternalAuth"'],
  ])('%s: %s shuts everybody out', (short, value, said) => {
    run(`kubectl create ingress shut --class=nginx --rule='shut.example.com/*=web:80' --annotation 'nginx.ingress.kubernetes.io/${short}=${value}'; sleep 5`)
    expect(status('shut.example.com')).toBe('503')
    expect(logs()).toContain(`"error reading Ingress annotation" ${said} ingress="default/shut"`)
    run('kubectl delete ingress shut; sleep 3')
  })

  it('an Ingress that was there before its webhook counts for nothing', () => {
    run(`kubectl get validatingwebhookconfiguration ingress-nginx-admission -o json > webhook.json; kubectl delete validatingwebhookconfiguration ingress-nginx-admission
      kubectl create ingress bad --class=nginx --rule='bad.example.com/*=web:80' --annotation nginx.ingress.kubernetes.io/limit-rpm=few; kubectl create -f webhook.json; sleep 5`)
    expect(status('bad.example.com')).toBe('404')
    expect(logs()).toContain('"ingress contains invalid annotation value" err="annotation nginx.ingress.kubernetes.io/limit-rpm contains invalid value"')
  })

  it('proxy-ssl-…: certificates of servers are looked at, by name, and one is shown to who asks', () => {
    run(`openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ours 2>/dev/null
      for name in pod client; do openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name.inside 2>/dev/null; echo subjectAltName=DNS:$name.inside > $name.ext; openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile $name.ext -out $name.crt -days 30 2>/dev/null; done
      kubectl create secret tls pod --cert=pod.crt --key=pod.key; kubectl create secret generic trust --from-file=ca.crt=ca.crt --from-file=tls.crt=client.crt --from-file=tls.key=client.key; kubectl create secret generic other --from-file=ca.crt=client.crt
      kubectl create configmap secure --from-literal=default.conf='server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; return 200 "secure\\n"; }'
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: secure, labels: {app: secure}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: s, secret: {secretName: pod}}, {name: c, configMap: {name: secure}}]}}
END
      kubectl expose pod secure --port=443; kubectl wait pod secure --for=condition=Ready
      kubectl create ingress secure --class=nginx --rule='secure.example.com/*=secure:443' --annotation nginx.ingress.kubernetes.io/backend-protocol=HTTPS --annotation nginx.ingress.kubernetes.io/proxy-ssl-secret=default/trust --annotation nginx.ingress.kubernetes.io/proxy-ssl-verify=on; sleep 5`)
    const annotate = (text: string): void => void run(`kubectl annotate ingress secure --overwrite ${text}; sleep 5`)
    // nginx looks for its own upstream's name, unless it is told another
    expect(status('secure.example.com')).toBe('502')
    expect(logs()).toMatch(/upstream SSL certificate does not match "upstream_balancer" while SSL handshaking to upstream, client: /)
    annotate('nginx.ingress.kubernetes.io/proxy-ssl-name=pod.inside')
    expect(get('secure.example.com')).toBe('secure\n')
    const conf = run('kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- cat /etc/nginx/nginx.conf').output
    expect(conf).toMatch(/proxy_ssl_trusted_certificate +\/etc\/ingress-controller\/ssl\/default-trust\.pem;\n\s+proxy_ssl_ciphers +DEFAULT;\n\s+proxy_ssl_protocols +TLSv1\.2;\n\s+proxy_ssl_verify +on;\n\s+proxy_ssl_verify_depth +1;\n\s+proxy_ssl_name +pod\.inside;\n/)
    annotate('nginx.ingress.kubernetes.io/proxy-ssl-secret=default/other')
    expect(status('secure.example.com')).toBe('502')
    expect(logs()).toMatch(/upstream SSL certificate verify error: \(20:unable to get local issuer certificate\) while SSL handshaking to upstream/)
    annotate('nginx.ingress.kubernetes.io/proxy-ssl-secret=default/none')
    expect(status('secure.example.com')).toBe('503')
    expect(logs()).toContain('err="error obtaining certificate: local SSL certificate default/none was not found" name="ProxySSL" ingress="default/secure"')
  })

  it('TCP services speak the PROXY protocol to clients and servers that want it', () => {
    run(`kubectl create configmap told --from-literal=default.conf='server { listen 80 proxy_protocol; return 200 "$proxy_protocol_addr\\n"; }'
      kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: told, labels: {app: told}}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: c, configMap: {name: told}}]}}
END
      kubectl expose pod told --port=80; kubectl wait pod told --for=condition=Ready
      kubectl -n ingress-nginx create configmap tcp --from-literal=9001=default/web:80:PROXY --from-literal=9002=default/told:80::PROXY --from-literal=9003=default/told:80:PROXY:PROXY
      kubectl -n ingress-nginx patch deploy ingress-nginx-controller --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--tcp-services-configmap=ingress-nginx/tcp"}]'; kubectl -n ingress-nginx rollout status deploy ingress-nginx-controller; sleep 10`)
    const inside = (command: string): string => run(`kubectl -n ingress-nginx exec deploy/ingress-nginx-controller -- ${command}`).output
    expect(inside('curl -s --haproxy-protocol http://127.0.0.1:9001/')).toContain('Hostname: web-')
    expect(inside('curl -s -m 5 http://127.0.0.1:9001/')).not.toContain('Hostname')
    expect(inside('curl -s http://127.0.0.1:9002/')).toBe('127.0.0.1\n')
    const announced = (): string => inside(`sh -c "printf 'PROXY TCP4 192.0.2.7 127.0.0.1 4000 9003\\r\\nGET / HTTP/1.0\\r\\nHost: told\\r\\n\\r\\n' | nc 127.0.0.1 9003"`).trim().split('\n').at(-1)!
    expect(announced()).toBe('127.0.0.1')
    run(`kubectl -n ingress-nginx patch configmap ingress-nginx-controller --type=merge -p '{"data":{"enable-real-ip":"true","proxy-real-ip-cidr":"127.0.0.0/8"}}'; sleep 5`)
    expect(announced()).toBe('192.0.2.7')
    expect(inside('cat /etc/nginx/nginx.conf')).toMatch(/listen +9003 proxy_protocol;\n[^}]*proxy_pass +upstream_balancer;\n\s+proxy_protocol +on;\n/)
  })
})

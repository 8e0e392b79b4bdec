import { beforeAll, describe, expect, it } from 'vitest'
import { house, type House } from './house.samples.ts'

describe('nginx and the certificates of its clients', () => {
  let run: House['run']
  let ip: string
  const CONF = (more: string): string => `server { listen 443 ssl; ssl_certificate /s/tls.crt; ssl_certificate_key /s/tls.key; ${more} location / { return 200 "$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_serial|$ssl_client_fingerprint|$ssl_client_v_remain|$ssl_client_s_dn_legacy\\n"; } location /no { return 200 "come with a certificate\\n"; } }`
  const serve = (more: string): string => {
    run(`kubectl delete pod web --ignore-not-found --now; kubectl delete configmap web --ignore-not-found; cat > web.conf <<'END'
${CONF(more)}
END
      kubectl create configmap web --from-file=default.conf=web.conf; kubectl apply -f - <<'END'
{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: nginx, volumeMounts: [{name: s, mountPath: /s}, {name: c, mountPath: /etc/nginx/conf.d}]}], volumes: [{name: s, secret: {secretName: web}}, {name: c, configMap: {name: web}}]}}
END
      kubectl wait pod web --for=condition=Ready --timeout=20s`)
    ip = run(`kubectl get pod web -o jsonpath='{.status.podIP}'`).output
    return run('kubectl logs web').output
  }
  const ask = (options = '', path = '/'): string => run(`kubectl exec tool -- curl -sk ${options} https://${ip}${path}`).output
  beforeAll(() => {
    ;({ run } = house())
    run(`for name in web x; do openssl req -x509 -newkey rsa:2048 -nodes -keyout $name.key -out $name.crt -days 30 -subj /CN=$name 2>/dev/null; done
      openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 30 -subj /C=DE/O=Ours/CN=ca 2>/dev/null; openssl req -newkey rsa:2048 -nodes -keyout me.key -out me.csr -subj /O=Ours/CN=me 2>/dev/null; openssl x509 -req -in me.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out me.crt -days 30 2>/dev/null
      kubectl create secret generic web --from-file=tls.crt=web.crt --from-file=tls.key=web.key --from-file=ca.crt=ca.crt --from-literal=junk=junk
      kubectl run tool --image=curlimages/curl --command -- sleep infinity; kubectl wait pod tool --for=condition=Ready
      for f in me.crt me.key x.crt x.key; do kubectl cp $f tool:/tmp/$f; done`)
  })
  const ME = '--cert /tmp/me.crt --key /tmp/me.key'
  const X = '--cert /tmp/x.crt --key /tmp/x.key'
  const page = (words: string): RegExp => new RegExp(`<html>\\r\\n<head><title>400 ${words}</title></head>\\r\\n<body>\\r\\n<center><h1>400 Bad Request</h1></center>\\r\\n<center>${words}</center>`)

  it('ssl_verify_client on: who has none, or another, gets a page of its own; variables tell of who has one', () => {
    serve('ssl_client_certificate /s/ca.crt; ssl_verify_client on;')
    const [serial, fingerprint] = run(`openssl x509 -in me.crt -noout -serial | cut -d= -f2; sed '/-----/d' me.crt | base64 -d | sha1sum | cut -d' ' -f1`).output.trim().split('\n')
    expect(ask(ME)).toBe(`SUCCESS|CN=me,O=Ours|CN=ca,O=Ours,C=DE|${serial}|${fingerprint}|29|/O=Ours/CN=me\n`)
    expect(ask()).toMatch(page('No required SSL certificate was sent'))
    expect(ask(`-w '%{http_code}' ${X}`)).toMatch(/The SSL certificate error[^]*400$/)
  })

  it('optional lets in who has none, optional_no_ca also whom nobody vouches for; error_page 495 496 has other words', () => {
    serve('ssl_client_certificate /s/ca.crt; ssl_verify_client optional; error_page 495 496 =401 /no;')
    expect([ask(), ask(ME).split('|')[0], ask(`-w '%{http_code}' ${X}`)]).toEqual(['NONE||||||\n', 'SUCCESS', 'come with a certificate\n401'])
    serve('ssl_verify_client optional_no_ca;')
    expect(ask(X)).toMatch(/^FAILED:(self-signed certificate|unable to get local issuer certificate)\|CN=x\|CN=x\|/)
  })

  // what nginx 1.22.1 says
  it.each([
    ['ssl_verify_client on;', 'no ssl_client_certificate for ssl_verify_client'],
    ['ssl_verify_client maybe;', 'invalid value "maybe" in /etc/nginx/conf.d/default.conf:1'],
    ['ssl_verify_client on; ssl_client_certificate /nope;', 'SSL_CTX_load_verify_locations("/nope") failed (SSL: error:80000002:system library::No such file or directory:calling fopen(/nope, r) error:10000080:BIO routines::no such file error:05880002:x509 certificate routines::system lib)'],
    ['ssl_verify_client on; ssl_client_certificate /s/junk;', 'SSL_CTX_load_verify_locations("/s/junk") failed (SSL: error:05800088:x509 certificate routines::no certificate or crl found)'],
    ['ssl_verify_depth x;', '"ssl_verify_depth" directive invalid number in /etc/nginx/conf.d/default.conf:1'],
  ])('does not start with %s', (more, words) => {
    expect(serve(more)).toContain(`nginx: [emerg] ${words}\n`)
  })
})

import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const REQUEST = (name: string, signer = 'kubernetes.io/kube-apiserver-client', usages = '[client auth]'): string => `cat <<E | kubectl create -f -
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: ${name}}
spec: {request: $(base64 -w0 < ${name}.csr), signerName: ${signer}, expirationSeconds: 600, usages: ${usages}}
E`

describe('a user by certificate, as the Kubernetes documentation has it', () => {
  it('asks, is approved and signed, has the groups of the certificate, and may do what their roles allow until it expires', () => {
    const { run } = house()
    expect(run('openssl genrsa -out jane.key 2048 && openssl req -new -key jane.key -out jane.csr -subj /CN=jane/O=dev').code).toBe(0)
    expect(run('openssl req -in jane.csr -noout -subject -verify').output).toBe('Certificate request self-signature verify OK\nsubject=CN = jane, O = dev\n')
    expect(run(REQUEST('jane')).output).toBe('certificatesigningrequest.certificates.k8s.io/jane created\n')
    expect(run('kubectl get csr').output).toBe('NAME   AGE   SIGNERNAME                            REQUESTOR          REQUESTEDDURATION   CONDITION\njane   0s    kubernetes.io/kube-apiserver-client   kubernetes-admin   10m                 Pending\n')
    expect(run('kubectl certificate approve jane; kubectl certificate deny jane')).toEqual({ code: 1, output: 'certificatesigningrequest.certificates.k8s.io/jane approved\nerror: certificate signing request "jane" is already Approved\n' })
    expect(run('kubectl get csr jane --no-headers').output).toMatch(/Approved,Issued\n$/)
    run("kubectl get csr jane -o jsonpath='{.status.certificate}' | base64 -d > jane.crt")
    expect(run('openssl x509 -in jane.crt -noout -subject -issuer -dates -ext extendedKeyUsage').output).toMatch(/^subject=O = dev, CN = jane\nissuer=CN = kubernetes\nnotBefore=Jan {2}5 07:55:\d\d 2026 GMT\nnotAfter=Jan {2}5 08:10:\d\d 2026 GMT\nX509v3 Extended Key Usage: \n {4}TLS Web Client Authentication\n$/)
    run('kubectl config set-credentials jane --client-key=jane.key --client-certificate=jane.crt --embed-certs=true && kubectl config set-context jane --cluster=podhop --user=jane')
    expect(run('kubectl --context jane get pods').output).toBe('Error from server (Forbidden): pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"\n')
    run('kubectl create role look --verb=list --resource=pods && kubectl create rolebinding look --role=look --group=dev')
    expect(run('kubectl --context jane get pods').output).toBe('No resources found in default namespace.\n')
    expect(run('kubectl --context jane auth whoami').output).toMatch(/\nUsername +jane\nGroups +\[dev system:authenticated\]\nExtra: authentication.kubernetes.io\/credential-id +\[X509SHA256=[0-9a-f]{64}\]\n$/)
    expect(run('sleep 620; kubectl --context jane get pods').output).toBe('error: You must be logged in to the server (Unauthorized)\n')
  })

  it('is nobody with a certificate of another authority, or with another key', () => {
    const { run } = house()
    run('openssl genrsa -out jane.key; openssl req -new -key jane.key -subj /CN=jane/O=system:masters -out jane.csr; openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=kubernetes')
    expect(run('openssl x509 -req -in jane.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out jane.crt -days 5; openssl verify -CAfile ca.crt jane.crt').output).toBe('Certificate request self-signature ok\nsubject=CN = jane, O = system:masters\njane.crt: OK\n')
    expect(run('kubectl get pods --client-certificate jane.crt --client-key jane.key').output).toBe('error: You must be logged in to the server (Unauthorized)\n')
    expect(run('kubectl get pods --client-certificate jane.crt --client-key ca.key').output).toBe('error: tls: private key does not match public key\n')
    expect(run(REQUEST('jane')).output).toContain('certificatesigningrequests.certificates.k8s.io "jane" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed')
    // with the key of the cluster's authority one makes oneself an administrator
    expect(run("hop node control-plane -- sh -c 'cd /tmp; openssl genrsa -out j.key; openssl req -new -key j.key -subj /CN=jane/O=system:masters -out j.csr; cd /etc/kubernetes/pki; openssl x509 -req -in /tmp/j.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out /tmp/j.crt; kubectl --kubeconfig /etc/kubernetes/admin.conf --client-certificate /tmp/j.crt --client-key /tmp/j.key auth whoami'").output).toMatch(/\nGroups +\[system:masters system:authenticated\]\n/)
  })

  it('approves only who may for that signer; what the signer does not allow has failed', () => {
    const { run } = house()
    run('openssl req -new -newkey rsa:2048 -nodes -keyout w.key -subj /CN=web -out web.csr')
    run(REQUEST('web', 'kubernetes.io/kube-apiserver-client', '[server auth, client auth]'))
    run('kubectl create clusterrole look --verb=get,list,update --resource=certificatesigningrequests,certificatesigningrequests/approval; kubectl create clusterrolebinding look --clusterrole=look --user=bob')
    expect(run('kubectl certificate approve web --as=bob').output).toBe('Error from server (Forbidden): certificatesigningrequests.certificates.k8s.io "web" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"\n')
    run(`echo '{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: approve}, rules: [{apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/*], verbs: [approve]}]}' | kubectl apply -f -; kubectl create clusterrolebinding approve --clusterrole=approve --user=bob`)
    run('kubectl certificate approve web --as=bob')
    expect(run("kubectl get csr web -o jsonpath='{.status.conditions[1].reason}: {.status.conditions[1].message}'").output).toBe('SignerValidationFailure: invalid usage for client certificate: server auth')
    expect(run('kubectl get csr web --no-headers').output).toMatch(/Approved,Failed\n$/)
    expect(run('kubectl create -f - <<E\napiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: bad}\nspec: {request: YWI=, signerName: nobody, expirationSeconds: 60, usages: [client auth, any use]}\nE').output).toContain(
      '* spec.request: Invalid value: []byte{0x61, 0x62}: PEM block type must be CERTIFICATE REQUEST\n* spec.usages[1]: Unsupported value: "any use": supported values: "any", "cert sign"',
    )
  })
})

describe('the administrator, by the certificate in the kubeconfig', () => {
  it('is known to the API server with curl, too, as "Access Clusters Using the Kubernetes API" takes it out', () => {
    const { run } = house()
    const out = (field: string, file: string): string => `kubectl config view --raw -o jsonpath='{.${field}}' | base64 -d > ${file}; `
    run(out('clusters[0].cluster.certificate-authority-data', 'ca.crt') + out('users[0].user.client-certificate-data', 'admin.crt') + out('users[0].user.client-key-data', 'admin.key'))
    expect(run('openssl x509 -in admin.crt -noout -subject -issuer -dates; openssl verify -CAfile ca.crt admin.crt').output).toBe(
      'subject=O = kubeadm:cluster-admins, CN = kubernetes-admin\nissuer=CN = kubernetes\nnotBefore=Jan  5 08:00:00 2026 GMT\nnotAfter=Jan  5 08:00:00 2027 GMT\nadmin.crt: OK\n',
    )
    const digest = run("grep -v CERTIFICATE admin.crt | base64 -d | sha256sum | cut -d' ' -f1").output.trim()
    const extra = (more: string): string => run(`kubectl auth whoami -o jsonpath='{.status.userInfo.extra}' ${more}`).output
    expect(extra('')).toBe(`{"authentication.kubernetes.io/credential-id":["X509SHA256=${digest}"]}`)
    expect(extra('--as kubernetes-admin')).toBe('')
    expect(run(`curl -s --cacert ca.crt --cert admin.crt --key admin.key -H 'Content-Type: application/json' -d '{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}' https://172.18.0.2:6443/apis/authentication.k8s.io/v1/selfsubjectreviews | jq -c .status.userInfo.extra`).output).toBe(`{"authentication.kubernetes.io/credential-id":["X509SHA256=${digest}"]}\n`)
    const ask = 'curl -s --cacert ca.crt https://172.18.0.2:6443/api/v1/namespaces/kube-system/secrets'
    expect(run(`${ask} --cert admin.crt --key admin.key | jq -r .kind`).output).toBe('SecretList\n')
    expect(run(`${ask} | jq -r .message`).output).toBe('secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" in the namespace "kube-system"\n')
  })

  it('is one of several: each kubeconfig of kubeadm is somebody', () => {
    const { run } = house()
    const who = (name: string): string => run(`hop node control-plane -- kubectl --kubeconfig /etc/kubernetes/${name}.conf auth whoami -o jsonpath='{.status.userInfo.username} {.status.userInfo.groups}'`).output
    expect(who('admin')).toBe('kubernetes-admin ["kubeadm:cluster-admins","system:authenticated"]')
    expect(who('super-admin')).toBe('kubernetes-super-admin ["system:masters","system:authenticated"]')
    expect(who('controller-manager')).toBe('system:kube-controller-manager ["system:authenticated"]')
    expect(who('scheduler')).toBe('system:kube-scheduler ["system:authenticated"]')
  })
})

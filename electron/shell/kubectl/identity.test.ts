import { describe, expect, it } from 'vitest'
import { bench } from './testing.samples.ts'

describe('kubectl as somebody else', () => {
  it('may what the roles allow that are bound to him, and is told why not', () => {
    const { run } = bench()
    for (const command of [
      'run web --image=nginx', 'create sa robot', 'create role look --verb=get,list --resource=pods', 'create rolebinding lookers --role=look --user=jane --serviceaccount=default:robot', 'create rolebinding lost --role=none --user=bob',
    ]) run(`kubectl ${command}`)
    const cannot = (what: string): string => `Error from server (Forbidden): ${what}\n`
    expect(run('kubectl get pods --as=jane -o name').stdout).toBe('pod/web\n')
    expect(run('kubectl get pods --as=jane -A').stderr).toBe(cannot('pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope'))
    expect(run('kubectl delete pod web --as=jane').stderr).toBe(cannot('pods "web" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "default"'))
    expect(run('kubectl exec web --as=jane -- true').stderr).toBe(cannot('pods "web" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "default"'))
    expect(run('kubectl get pods --as=bob').stderr).toContain('in the namespace "default": RBAC: role.rbac.authorization.k8s.io "none" not found\n')
    expect(run('kubectl get pods --as=bob --as-group=system:masters -o name').stdout).toBe('pod/web\n')
    expect(run('kubectl auth can-i list pods --as=system:serviceaccount:default:robot').stdout).toBe('yes\n')
    expect(run('kubectl auth can-i create pods --as=jane')).toMatchObject({ stdout: 'no\n', code: 1 })
    expect(run('kubectl auth whoami --as=jane').stdout).toBe('ATTRIBUTE   VALUE\nUsername    jane\nGroups      [system:authenticated]\n')
  })

  it('is asked about what is not simulated, too: the roles know, and it is said', () => {
    const { run } = bench()
    expect(run('kubectl create clusterrole pv --verb=get,list --resource=pv,quota').stdout).toBe('clusterrole.rbac.authorization.k8s.io/pv created\n')
    expect(run("kubectl get clusterrole pv -o jsonpath='{.rules[*].resources}'").stdout).toBe('["persistentvolumes","resourcequotas"]')
    run('kubectl create clusterrolebinding pv --clusterrole=pv --user=jane')
    const note = 'podhop: not simulated: resource persistentvolumes (the answer is what the roles say of it)\n'
    expect(run('kubectl auth can-i list pv --as=jane')).toMatchObject({ stdout: 'yes\n', code: 0, stderr: `${note}Warning: resource 'persistentvolumes' is not namespace scoped\n\n` })
    expect(run('kubectl auth can-i delete persistentvolumes -A --as=jane')).toMatchObject({ stdout: 'no\n', code: 1, stderr: note })
    expect(run('kubectl get --raw /api/v1/namespaces/default/resourcequotas')).toMatchObject({ stdout: '', stderr: 'podhop: not simulated: resource resourcequotas (kinds that Podhop serves: kubectl api-resources)\n', code: 69 })
    expect(run('kubectl auth can-i get nothings').stderr).toBe("Warning: the server doesn't have a resource type 'nothings'\n\n")
  })

  it('is a ServiceAccount with its token', () => {
    const { run } = bench()
    run('kubectl create sa robot && kubectl config set-credentials robot --token=$(kubectl create token robot)')
    expect(run('kubectl get pods --user=robot').stderr).toContain('User "system:serviceaccount:default:robot" cannot list resource "pods"')
    run('kubectl delete sa robot')
    expect(run('kubectl get pods --user=robot').stderr).toBe('error: You must be logged in to the server (Unauthorized)\n')
  })

  it('gives nobody what he has not got himself', () => {
    const { run } = bench()
    for (const command of ['create role look --verb=get,list --resource=pods', 'create role chief --verb=create,update,patch --resource=roles,rolebindings', 'create rolebinding look --role=look --user=jane', 'create rolebinding chief --role=chief --user=jane']) run(`kubectl ${command}`)
    expect(run('kubectl create role less --verb=list --resource=pods --as=jane').stdout).toBe('role.rbac.authorization.k8s.io/less created\n')
    expect(run('kubectl create role more --verb=list,watch --resource=pods,secrets --as=jane').stderr).toBe(
      'Error from server (Forbidden): roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
      '{APIGroups:[""], Resources:["pods"], Verbs:["watch"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["list" "watch"]}\n',
    )
    expect(run('kubectl create rolebinding bob --role=less --user=bob --as=jane').stdout).toBe('rolebinding.rbac.authorization.k8s.io/bob created\n')
    expect(run('kubectl create rolebinding eve --clusterrole=view --user=eve --as=jane').stderr).toContain('rolebindings.rbac.authorization.k8s.io "eve" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant')
    run(`kubectl create clusterrole binder --verb=bind --resource=clusterroles --resource-name=view && kubectl create clusterrolebinding binder --clusterrole=binder --user=jane`)
    expect(run('kubectl create rolebinding eve --clusterrole=view --user=eve --as=jane').stdout).toBe('rolebinding.rbac.authorization.k8s.io/eve created\n')
  })

  it('is nobody without credentials', () => {
    const { run } = bench()
    run('kubectl config set-credentials basic --username=jane --password=x; kubectl config set-context none --cluster=kubernetes --user=none; kubectl config set users.none.as-uid ""')
    expect(run('kubectl get pods --user=basic').stderr).toBe('Error from server (Forbidden): pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"\n')
  })

  it('reviews tokens', () => {
    const { run } = bench()
    run('kubectl create sa robot')
    const ask = (token: string): string => run(`printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"%s"}}' ${token} | kubectl create -f - -o jsonpath='{.status}'`).stdout
    expect(ask('$(kubectl create token robot)')).toMatch(/^\{"audiences":\["https:\/\/kubernetes.default.svc.cluster.local"\],"authenticated":true,"user":\{"extra":\{"authentication.kubernetes.io\/credential-id":\["JTI=[-0-9a-f]+"\]\},"groups":/)
    expect(ask('x.y.z')).toBe('{"error":"invalid bearer token","user":{}}')
  })
})

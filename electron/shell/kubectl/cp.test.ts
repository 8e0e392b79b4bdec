import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('kubectl cp', () => {
  it('brings files and directories into a container and back', () => {
    const home = house()
    home.run('kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web; mkdir -p site/img; echo hello > site/index.html; echo dot > site/img/a.svg; chmod 600 site/img/a.svg')
    expect(home.run('kubectl cp site/index.html web:/usr/share/nginx/html/index.html; kubectl exec web -- curl -s localhost').output).toBe('hello\n')
    expect(home.run('kubectl cp site default/web:/tmp; kubectl exec web -- sh -c "find /tmp/site | sort; stat -c %a /tmp/site/img/a.svg"').output).toBe('/tmp/site\n/tmp/site/img\n/tmp/site/img/a.svg\n/tmp/site/index.html\n600\n')
    expect(home.run('kubectl cp web:/tmp/site back -c web; cat back/index.html back/img/a.svg').output).toBe("tar: Removing leading `/' from member names\nhello\ndot\n")
    expect(home.run('kubectl cp web:etc/hostname name; cat name; kubectl cp web:/etc/hostname .').output).toBe("web\ntar: Removing leading `/' from member names\nerror: open .: is a directory\n")
  })

  it('skips symlinks, and says so', () => {
    const home = house()
    home.run('kubectl run web --image=busybox -- sleep 1d; kubectl wait --for=condition=Ready pod/web; kubectl exec web -- sh -c "mkdir /d; ln -s /etc/hosts /d/h"')
    expect(home.run('kubectl cp web:/d d; ls d').output).toBe(`tar: removing leading '/' from member names\nwarning: skipping symlink: "d/h" -> "/etc/hosts" (consider using "kubectl exec -n "" "web" -- tar cf - "/d" | tar xf -")\n`)
  })

  it('refuses what it cannot do', () => {
    const home = house()
    home.run('kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web')
    const problems = {
      'a b': 'error: one of src or dest must be a remote file specification\n',
      'web:/a web:/b': 'error: one of src or dest must be a local file specification\n',
      'nothing web:/b': 'error: nothing doesn\'t exist in local filesystem\n',
      'a/b/c:/x y': 'error: filespec must match the canonical format: [[namespace/]pod:]file/path\n',
      'web:/nothing x': "tar: Removing leading `/' from member names\ntar: /nothing: Cannot stat: No such file or directory\ntar: Exiting with failure status due to previous errors\n",
      'nobody:/x x': 'Error from server (NotFound): pods "nobody" not found\n',
    }
    for (const [words, said] of Object.entries(problems)) expect(home.run(`kubectl cp ${words}`).output).toBe(said)
  })
})

describe('tar', () => {
  it('packs and unpacks', () => {
    const home = house()
    expect(home.run('mkdir -p a/b; echo 1 > a/b/one; ln -s one a/b/link; tar cf a.tar a; tar tf a.tar; mkdir c; tar -xvf a.tar -C c; cat c/a/b/link; tar cf - a | tar xf - --strip-components=1 -C c; ls c').output)
      .toBe('a/\na/b/\na/b/link\na/b/one\na/\na/b/\na/b/link\na/b/one\n1\na\nb\n')
    expect(home.run('tar cf - nope > x; tar xf a.txt; echo no > t; tar tf t; tar czf a.tgz a').output).toBe(
      "tar: nope: Cannot stat: No such file or directory\ntar: Exiting with failure status due to previous errors\ntar: a.txt: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now\n" +
        'tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors\npodhop: not simulated: compressed archives, tar -z (tar without -z)\n',
    )
  })

  it('leaves out, appends, prints and takes from several places', () => {
    const home = house()
    home.run('mkdir -p d/sub; echo a > d/a.txt; echo b > d/sub/b.log')
    expect(home.run("tar cf b.tar -C d a.txt -C sub b.log; tar tf b.tar; tar cf c.tar --exclude='*.log' d; tar tf c.tar; tar cf c.tar --exclude sub d; tar rvf c.tar d/sub/b.log; tar xvOf c.tar; tar cf - d | tar xf - --strip-components=2; cat b.log").output)
      .toBe('a.txt\nb.log\nd/\nd/a.txt\nd/sub/\nd/sub/b.log\nd/\nd/a.txt\na\nd/sub/b.log\nb\nb\n')
    expect(home.run("touch -d 2020-01-02 d/a.txt; tar -cf- d/a.txt | tar tv; tar tf b.tar '*.txt' zz; tar xf b.tar -C d --wildcards '*.txt' -k; tar Af b.tar c.tar; tar xf b.tar -C /etc").output).toBe(
      '-rw-r--r-- student/student   2 2020-01-02 00:00 d/a.txt\n' +
        'tar: Pattern matching characters used in file names\ntar: Use --wildcards to enable pattern matching, or --no-wildcards to suppress this warning\ntar: *.txt: Not found in archive\ntar: zz: Not found in archive\ntar: Exiting with failure status due to previous errors\n' +
        'tar: a.txt: Cannot open: File exists\ntar: Exiting with failure status due to previous errors\npodhop: not simulated: tar -A (tar -x each, then tar -c)\n' +
        'tar: a.txt: Cannot open: Permission denied\ntar: b.log: Cannot open: Permission denied\ntar: Exiting with failure status due to previous errors\n',
    )
  })
})

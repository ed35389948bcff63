package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"minke/runtime/image"
)

// user is who a container's processes are.
type user struct {
	UID, GID uint32
	Groups   []uint32 // the primary one first
	Home     string
}

// account is a line of /etc/passwd.
type account struct {
	name, home string
	uid, gid   uint32
}

// resolveUser turns what the pod and the image say into numbers, with the
// image's own /etc/passwd and /etc/group.
func (r *Runtime) resolveUser(img *image.Image, sc *runtimeapi.LinuxContainerSecurityContext) (user, error) {
	name, group, _ := strings.Cut(img.Config.User, ":")
	if sc.GetRunAsUser() != nil {
		name, group = strconv.FormatInt(sc.GetRunAsUser().GetValue(), 10), ""
	} else if sc.GetRunAsUsername() != "" {
		name, group = sc.GetRunAsUsername(), ""
	}
	if sc.GetRunAsGroup() != nil {
		group = strconv.FormatInt(sc.GetRunAsGroup().GetValue(), 10)
	}
	passwd, err := r.lines(img, "etc/passwd")
	if err != nil {
		return user{}, err
	}
	groups, err := r.lines(img, "etc/group")
	if err != nil {
		return user{}, err
	}
	a, err := findAccount(passwd, name)
	if err != nil {
		return user{}, err
	}
	u := user{UID: a.uid, GID: a.gid, Home: a.home}
	if group != "" {
		if u.GID, err = findGroup(groups, group); err != nil {
			return user{}, err
		}
	}
	u.Groups = []uint32{u.GID}
	if sc.GetSupplementalGroupsPolicy() == runtimeapi.SupplementalGroupsPolicy_Merge && a.name != "" {
		u.Groups = append(u.Groups, memberships(groups, a.name)...)
	}
	for _, g := range sc.GetSupplementalGroups() {
		u.Groups = append(u.Groups, uint32(g))
	}
	u.Groups = unique(u.Groups)
	return u, nil
}

func unique(list []uint32) []uint32 {
	var out []uint32
	for _, v := range list {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (r *Runtime) lines(img *image.Image, name string) ([][]string, error) {
	data, err := r.images.ReadFile(img, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("image's %s: %w", name, err)
	}
	var list [][]string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			list = append(list, strings.Split(line, ":"))
		}
	}
	return list, nil
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err == nil
}

// digits tells that a user or group is meant by its number. It never is a name
// then: an image that calls root "1000" would undo runAsNonRoot.
func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// findAccount finds by number or by name; a number that nobody has is a user
// without a name, in group 0.
func findAccount(passwd [][]string, who string) (account, error) {
	if who == "" {
		who = "0"
	}
	wanted, numeric := number(who)
	if !numeric && digits(who) {
		return account{}, fmt.Errorf("user %s: not between 0 and %d", who, math.MaxInt32)
	}
	for _, f := range passwd {
		if len(f) < 6 {
			continue
		}
		uid, ok1 := number(f[2])
		gid, ok2 := number(f[3])
		if ok1 && ok2 && (numeric && uid == wanted || !numeric && f[0] == who) {
			return account{name: f[0], uid: uid, gid: gid, home: f[5]}, nil
		}
	}
	if !numeric {
		return account{}, fmt.Errorf("unable to find user %s: no matching entries in passwd file", who)
	}
	return account{uid: wanted, home: "/"}, nil
}

func findGroup(groups [][]string, which string) (uint32, error) {
	if gid, ok := number(which); ok {
		return gid, nil
	}
	if digits(which) {
		return 0, fmt.Errorf("group %s: not between 0 and %d", which, math.MaxInt32)
	}
	for _, f := range groups {
		if len(f) >= 3 && f[0] == which {
			if gid, ok := number(f[2]); ok {
				return gid, nil
			}
		}
	}
	return 0, fmt.Errorf("unable to find group %s: no matching entries in group file", which)
}

func memberships(groups [][]string, name string) []uint32 {
	var list []uint32
	for _, f := range groups {
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), name) {
			continue
		}
		if gid, ok := number(f[2]); ok {
			list = append(list, gid)
		}
	}
	return list
}

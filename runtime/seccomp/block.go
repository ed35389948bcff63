package seccomp

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// block is the code of one call with argument rules. It is entered and left
// with the call's number loaded.
func block(number uint32, rules []Rule, usual uint32) ([]bpf.Instruction, error) {
	var body []bpf.Instruction
	for _, r := range rules {
		a, err := action(r.Action, r.ErrnoRet)
		if err != nil {
			return nil, err
		}
		code, err := conditions(r.Args)
		if err != nil {
			return nil, err
		}
		body = append(append(body, code...), bpf.RetConstant{Val: a})
	}
	body = append(body, bpf.RetConstant{Val: usual})
	if len(body) > 255 {
		return nil, fmt.Errorf("seccomp profile: too many argument rules for system call %d", number)
	}
	return append([]bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpEqual, Val: number, SkipFalse: uint8(len(body))}}, body...), nil
}

// conditions falls through when all hold, and else skips one instruction more,
// the rule's return.
func conditions(args []Arg) ([]bpf.Instruction, error) {
	var code []bpf.Instruction
	for i := len(args) - 1; i >= 0; i-- {
		one, err := condition(args[i], len(code)+1)
		if err != nil {
			return nil, err
		}
		code = append(one, code...)
	}
	return code, nil
}

// condition skips `miss` instructions after its own end when it does not hold.
func condition(a Arg, miss int) ([]bpf.Instruction, error) {
	if a.Index > 5 || miss > 200 {
		return nil, fmt.Errorf("seccomp profile: argument %d", a.Index)
	}
	low := bpf.LoadAbsolute{Off: offsetArgs + 8*uint32(a.Index), Size: 4}
	high := bpf.LoadAbsolute{Off: low.Off + 4, Size: 4}
	mask, value := ^uint64(0), a.Value
	if a.Op == "SCMP_CMP_MASKED_EQ" {
		mask, value = a.Value, a.ValueTwo
	}
	and := func(bits uint64) bpf.Instruction { return bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: uint32(bits)} }
	equal := func(bits uint64, yes, no int) bpf.Instruction {
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(bits), SkipTrue: uint8(yes), SkipFalse: uint8(no)}
	}
	switch a.Op {
	case "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ":
		return []bpf.Instruction{
			high, and(mask >> 32), equal(value>>32, 0, 3+miss),
			low, and(mask), equal(value, 0, miss),
		}, nil
	case "SCMP_CMP_NE":
		return []bpf.Instruction{high, equal(value>>32, 0, 2), low, equal(value, miss, 0)}, nil
	}
	return nil, fmt.Errorf("seccomp profile: operator %q is not supported", a.Op)
}

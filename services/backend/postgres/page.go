package postgres

import (
	"strconv"
	"strings"

	"scalable-backend/services/backend"
)

// list puts a query for one page together. Conditions are added as they apply, so that each combination has its own plan.
type list struct {
	where []string
	args  []any
}

// and adds a condition; every ? in it stands for the next of args.
func (l *list) and(condition string, args ...any) {
	for _, arg := range args {
		l.args = append(l.args, arg)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(l.args)), 1)
	}
	l.where = append(l.where, condition)
}

// page returns the SQL: newest first, behind the page's cursor. from begins with SELECT; alias is the listed table's.
func (l *list) page(from, alias string, p backend.Page) string {
	order := "(" + alias + ".created_at, " + alias + ".id)"
	if p.After != (backend.Cursor{}) {
		l.and(order+" < (?, ?)", p.After.CreatedAt, p.After.ID)
	}
	if len(l.where) > 0 {
		from += " WHERE " + strings.Join(l.where, " AND ")
	}
	l.args = append(l.args, p.Size)
	return from + " ORDER BY " + alias + ".created_at DESC, " + alias + ".id DESC LIMIT $" + strconv.Itoa(len(l.args))
}

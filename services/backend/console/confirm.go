package console

// sureData is what the confirmation of a change to one thing shows.
type sureData struct{ What, Name, Lost, Action, Back string }

// confirmation asks before something is lost. The form leads to the same path once more.
func confirmation(what, name, lost, action, back string) *page {
	return &page{template: "sure", title: what, data: sureData{what, name, lost, action, back}}
}
